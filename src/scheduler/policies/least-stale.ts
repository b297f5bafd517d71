// Least stale (SpecMD, arXiv 2602.03921), as we read it: what the present pass over the layers has used is fresh and goes last. What it has not is stale, and of
// that goes first what is farthest from its layer's next turn (place), then what was used longest ago (time).

import type { PolicyShape, Ranking } from '../policy';

export class LeastStaleRanking implements Ranking {
  readonly #layerCount: number;
  readonly #expertCount: number;
  /** [layer, expert] pass of the last use; the first pass is 1. */
  readonly #lastPass: Float64Array;
  #pass = 1;
  #layer = -1;

  constructor({ layerCount, expertCount }: PolicyShape) {
    this.#layerCount = layerCount;
    this.#expertCount = expertCount;
    this.#lastPass = new Float64Array(layerCount * expertCount);
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    if (layer <= this.#layer) this.#pass++;
    this.#layer = layer;
    for (let i = 0; i < experts.length; i++) this.#lastPass[layer * this.#expertCount + experts[i]!] = this.#pass;
  }

  value(layer: number, expert: number): number {
    const lastPass = this.#lastPass[layer * this.#expertCount + expert]!;
    const isFresh = lastPass === this.#pass;
    const ahead = layer > this.#layer ? layer - this.#layer : layer - this.#layer + this.#layerCount;
    return (isFresh ? this.#layerCount : 0) - ahead + lastPass / (this.#pass + 1);
  }

  /** As if all had been used once, before the first pass, the hottest last. */
  seed(profile: Float32Array): void {
    profile.forEach((usesPerToken, at) => (this.#lastPass[at] = usesPerToken / (1 + usesPerToken)));
  }
}
