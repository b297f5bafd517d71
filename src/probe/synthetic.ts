// Traces made up from published statistics of models too large to record here. A token's experts in a layer are drawn one after the other: with probability
// `reuse` one of the last token's, else with probability `topical` one of the layer's present topic (a small set that changes now and then), else any by
// popularity (Zipf). The parameters of each preset were fitted until the trace came within two points of the statistics that are named with it; layers are
// independent of each other, so nothing can be learnt across them.

import { Random } from '../core/random';
import type { Trace, TraceShape } from './trace';

export interface SyntheticStatistics extends TraceShape {
  /** Chance that an expert is drawn from those of the last token. */
  readonly reuse: number;
  readonly topical: number;
  /** Experts of a topic. */
  readonly topicSize: number;
  /** Mean length of a topic. */
  readonly topicTokens: number;
  /** Exponent of popularity: the expert of rank r is drawn in proportion to r^-skew. */
  readonly skew: number;
}

/** Eight layers stand for all: with the same share of slots, hit rates hardly depend on their number. */
const LAYERS = 8;

export const SYNTHETIC_MODELS: Readonly<Record<string, SyntheticStatistics>> = {
  // Qwen3-30B-A3B: 43 % of a token's experts are the last token's; with 22 % of the experts LRU hits 80.3 % and Belady 92.7 % (BigMoeOnEdge).
  'qwen3-30b': { layerCount: LAYERS, expertCount: 128, topK: 8, reuse: 0.26, topical: 0.72, topicSize: 21, topicTokens: 200, skew: 0.9 },
  // gpt-oss-120b: 18 % are the last token's; a budget of 83 % of one token's cycle hits 0.0 % with one LRU list (BigMoeOnEdge).
  'gpt-oss-120b': { layerCount: LAYERS, expertCount: 128, topK: 4, reuse: 0.08, topical: 0.6, topicSize: 24, topicTokens: 200, skew: 0.9 },
  // Neighbouring tokens share 87–90 % of their experts (BlockFFN, trained for that).
  blockffn: { layerCount: LAYERS, expertCount: 40, topK: 8, reuse: 0.92, topical: 0.3, topicSize: 16, topicTokens: 200, skew: 0.5 },
};

export function syntheticTrace(statistics: SyntheticStatistics, tokenCount: number, seed: number): Trace {
  const { layerCount, expertCount, topK } = statistics;
  const random = new Random(seed);
  const expertIds = new Uint16Array(tokenCount * layerCount * topK);
  const layers = Array.from({ length: layerCount }, () => new SyntheticLayer(statistics, random));
  for (let token = 0; token < tokenCount; token++) {
    for (const [layer, source] of layers.entries()) expertIds.set(source.next(), (token * layerCount + layer) * topK);
  }
  return {
    layerCount,
    expertCount,
    topK,
    tokenCount,
    positions: Uint32Array.from({ length: tokenCount }, (_, token) => token),
    phases: new Uint8Array(tokenCount).fill(1),
    expertIds,
  };
}

class SyntheticLayer {
  readonly #statistics: SyntheticStatistics;
  readonly #random: Random;
  /** [rank] expert */
  readonly #byRank: readonly number[];
  /** [rank] share of the draws that are of this rank or a lower one. */
  readonly #cumulative: readonly number[];
  #topic: readonly number[] = [];
  #last: number[] = [];

  constructor(statistics: SyntheticStatistics, random: Random) {
    this.#statistics = statistics;
    this.#random = random;
    this.#byRank = shuffled(statistics.expertCount, random);
    const weights = this.#byRank.map((_, rank) => (rank + 1) ** -statistics.skew);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let reached = 0;
    this.#cumulative = weights.map((weight) => (reached += weight / total));
  }

  next(): readonly number[] {
    const { topK, reuse, topical, topicSize, topicTokens } = this.#statistics;
    if (this.#topic.length === 0 || this.#random.float() < 1 / topicTokens) {
      const topic = new Set<number>();
      while (topic.size < topicSize) topic.add(this.#popular());
      this.#topic = [...topic];
    }
    const chosen = new Set<number>();
    while (chosen.size < topK) {
      if (this.#last.length > 0 && this.#random.float() < reuse) chosen.add(this.#oneOf(this.#last));
      else chosen.add(this.#random.float() < topical ? this.#oneOf(this.#topic) : this.#popular());
    }
    this.#last = [...chosen];
    return this.#last;
  }

  #oneOf(experts: readonly number[]): number {
    return experts[this.#random.integer(0, experts.length - 1)]!;
  }

  #popular(): number {
    const draw = this.#random.float();
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cumulative[middle]! < draw) low = middle + 1;
      else high = middle;
    }
    return this.#byRank[low]!;
  }
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
