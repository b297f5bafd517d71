// Least recently used: worth is the time of the last use. What every cache is compared with. Over a model's layers it is a cycle's worst case: what was used
// longest ago is what comes next, so that without quotas it hits nothing below one token's cycle (BigMoeOnEdge measured 0.0 % at 83 % of a cycle).

import type { PolicyShape, Ranking } from '../policy';

export class LruRanking implements Ranking {
  readonly #expertCount: number;
  /** [layer, expert] clock of the last use. */
  readonly #lastUse: Float64Array;
  #clock = 0;

  constructor({ layerCount, expertCount }: PolicyShape) {
    this.#expertCount = expertCount;
    this.#lastUse = new Float64Array(layerCount * expertCount);
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    this.#clock++;
    for (let i = 0; i < experts.length; i++) this.#lastUse[layer * this.#expertCount + experts[i]!] = this.#clock;
  }

  value(layer: number, expert: number): number {
    return this.#lastUse[layer * this.#expertCount + expert]!;
  }

  /** As if all had been used once, before the first token, the hottest last. */
  seed(profile: Float32Array): void {
    profile.forEach((usesPerToken, at) => (this.#lastUse[at] = usesPerToken / (1 + usesPerToken) - 1));
  }
}
