// Least frequently and recently used: worth is uses so far over tokens since the last one, as in vLLM's expert cache (pull request 37190, "frequency-weighted
// LRU").

import type { PolicyShape, Ranking } from '../policy';

/** How many tokens an earlier profile stands for. */
const SEED_TOKENS = 100;

export class LfruRanking implements Ranking {
  readonly #expertCount: number;
  /** [layer, expert] */
  readonly #uses: Float64Array;
  /** [layer, expert] token of the last use, by the layer's own count. */
  readonly #lastUse: Float64Array;
  /** [layer] tokens so far. */
  readonly #tokens: Float64Array;

  constructor({ layerCount, expertCount }: PolicyShape) {
    this.#expertCount = expertCount;
    this.#uses = new Float64Array(layerCount * expertCount);
    this.#lastUse = new Float64Array(layerCount * expertCount);
    this.#tokens = new Float64Array(layerCount);
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    const token = ++this.#tokens[layer]!;
    for (let i = 0; i < experts.length; i++) {
      const at = layer * this.#expertCount + experts[i]!;
      this.#uses[at]!++;
      this.#lastUse[at] = token;
    }
  }

  value(layer: number, expert: number): number {
    const at = layer * this.#expertCount + expert;
    return this.#uses[at]! / (this.#tokens[layer]! - this.#lastUse[at]! + 1);
  }

  seed(profile: Float32Array): void {
    profile.forEach((usesPerToken, at) => (this.#uses[at] = usesPerToken * SEED_TOKENS));
  }
}
