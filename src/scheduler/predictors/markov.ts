// Affinity between layers (ExFlow, Speculative MoE). First order: N_l[i][j] counts how often a token used i in layer l and j in layer l + 1 (all k · k pairs);
// A_l is N_l with add-alpha smoothing, row by row to 1; the score of j is Σ_i w_i A_l[i][j]. Second order: a row for each pair of the strongest experts of the
// two layers before, taken in proportion to how often the pair was seen; published tables have clusters in place of experts, ours has rows only for pairs seen.

import { type PredictorShape, type RoutePredictor, largest } from './predictor';

const ALPHA = 1;
/** How many sightings of a pair count as much as the first order. */
const PAIR_DOUBT = 8;
const MAX_PAIRS_PER_LAYER = 16_384;

interface PairRow {
  readonly counts: Float32Array;
  seen: number;
}

export class MarkovPredictor implements RoutePredictor {
  readonly name: string;
  readonly #shape: PredictorShape;
  readonly #order: 1 | 2;
  /** [layer, from, to] uses of `to` in `layer` by tokens that used `from` in the layer before. The first layer's rows follow the last layer of the last token. */
  readonly #counts: Float32Array;
  /** [layer, from] Σ over `to`. */
  readonly #totals: Float32Array;
  /** [layer] */
  readonly #pairs: Array<Map<number, PairRow>>;
  /** [layer] the last route told. */
  readonly #experts: Uint16Array[];
  readonly #weights: Array<Float32Array | undefined>;
  readonly #scores: Float32Array;

  constructor(order: 1 | 2, shape: PredictorShape) {
    const { layerCount, expertCount } = shape;
    this.name = `markov-${order}`;
    this.#order = order;
    this.#shape = shape;
    this.#counts = new Float32Array(layerCount * expertCount * expertCount);
    this.#totals = new Float32Array(layerCount * expertCount);
    this.#pairs = Array.from({ length: layerCount }, () => new Map());
    this.#experts = Array.from({ length: layerCount }, () => new Uint16Array(0));
    this.#weights = Array.from({ length: layerCount }, () => undefined);
    this.#scores = new Float32Array(expertCount);
  }

  startToken(): void {}

  predict(layer: number, count: number): readonly number[] {
    const { expertCount } = this.#shape;
    const scores = this.#scores.fill(0);
    const from = this.#experts[this.#before(layer)]!;
    const weights = this.#weights[this.#before(layer)];
    for (let i = 0; i < from.length; i++) {
      const row = layer * expertCount + from[i]!;
      const factor = (weights?.[i] ?? 1 / from.length) / (this.#totals[row]! + ALPHA * expertCount);
      for (let to = 0; to < expertCount; to++) scores[to]! += factor * (this.#counts[row * expertCount + to]! + ALPHA);
    }
    const pair = this.#order === 2 ? this.#pairs[layer]!.get(this.#pairKey(layer)) : undefined;
    if (pair) {
      const trust = pair.seen / (pair.seen + PAIR_DOUBT);
      const total = pair.counts.reduce((sum, uses) => sum + uses, 0);
      for (let to = 0; to < expertCount; to++) scores[to] = (1 - trust) * scores[to]! + (trust * pair.counts[to]!) / total;
    }
    return largest(scores, count);
  }

  tell(layer: number, experts: ArrayLike<number>, weights?: ArrayLike<number>): void {
    const { expertCount } = this.#shape;
    for (const from of this.#experts[this.#before(layer)]!) {
      const row = layer * expertCount + from;
      for (let i = 0; i < experts.length; i++) this.#counts[row * expertCount + experts[i]!]!++;
      this.#totals[row]! += experts.length;
    }
    if (this.#order === 2) this.#learnPair(layer, experts);
    this.#experts[layer] = Uint16Array.from(experts);
    this.#weights[layer] = weights && Float32Array.from(weights);
  }

  #learnPair(layer: number, experts: ArrayLike<number>): void {
    const pairs = this.#pairs[layer]!;
    const key = this.#pairKey(layer);
    let pair = pairs.get(key);
    if (!pair) {
      if (key < 0 || pairs.size >= MAX_PAIRS_PER_LAYER) return;
      pair = { counts: new Float32Array(this.#shape.expertCount), seen: 0 };
      pairs.set(key, pair);
    }
    for (let i = 0; i < experts.length; i++) pair.counts[experts[i]!]!++;
    pair.seen++;
  }

  /** The strongest experts of the two layers before, as one number; -1 when they are not known. */
  #pairKey(layer: number): number {
    const before = this.#before(layer);
    const near = this.#experts[before]![0];
    const far = this.#experts[this.#before(before)]![0];
    return near === undefined || far === undefined ? -1 : far * this.#shape.expertCount + near;
  }

  #before(layer: number): number {
    return layer === 0 ? this.#shape.layerCount - 1 : layer - 1;
  }
}
