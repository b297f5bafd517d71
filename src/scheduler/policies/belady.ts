// Belady's optimum, for the simulator: what is used again last goes first. It must know the whole trace, so it bounds every policy and is none. With no quotas
// it is the most that any way of sharing the slots can hit; with even ones, the most that layers of fixed size can.

import { type Trace, routeOf } from '../../probe/trace';
import type { PolicyShape, Ranking } from '../policy';

const NEVER = 0xff_ff_ff_ff;

export class BeladyRanking implements Ranking {
  readonly #expertCount: number;
  readonly #layerCount: number;
  /** [layer, token, k] token of the next use by the same layer, or NEVER. */
  readonly #nextUse: Uint32Array;
  readonly #trace: Trace;
  /** [layer, expert] token of the next use, or NEVER. */
  readonly #next: Uint32Array;
  /** [layer] tokens so far. */
  readonly #tokens: Uint32Array;

  constructor({ layerCount, expertCount }: PolicyShape, trace: Trace) {
    this.#layerCount = layerCount;
    this.#expertCount = expertCount;
    this.#trace = trace;
    this.#nextUse = new Uint32Array(trace.expertIds.length);
    this.#next = new Uint32Array(layerCount * expertCount).fill(NEVER);
    this.#tokens = new Uint32Array(layerCount);
    // Backwards: what is next when all is read are the first uses.
    for (let token = trace.tokenCount - 1; token >= 0; token--) {
      for (let layer = 0; layer < layerCount; layer++) {
        const route = routeOf(trace, token, layer);
        const start = (token * layerCount + layer) * trace.topK;
        for (let k = 0; k < route.length; k++) {
          const at = layer * expertCount + route[k]!;
          this.#nextUse[start + k] = this.#next[at]!;
          this.#next[at] = token;
        }
      }
    }
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    const start = (this.#tokens[layer]!++ * this.#layerCount + layer) * this.#trace.topK;
    for (let k = 0; k < experts.length; k++) this.#next[layer * this.#expertCount + experts[k]!] = this.#nextUse[start + k]!;
  }

  value(layer: number, expert: number): number {
    return -(this.#next[layer * this.#expertCount + expert]! * this.#layerCount + layer);
  }

  seed(): void {}
}
