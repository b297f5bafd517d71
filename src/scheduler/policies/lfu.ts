// Least frequently used, with old uses fading: worth is Σ over past uses of DECAY^(tokens since). Without fading a topic that is over would hold its slots
// for as long again as it lasted. Of the rates 0.9 to 0.999, 0.98 did best on the recorded routes (a memory of about 50 tokens).

import type { PolicyShape, Ranking } from '../policy';
import { FadingShares } from './fading-shares';

const DECAY = 0.98;

export class LfuRanking implements Ranking {
  readonly #shape: PolicyShape;
  /** [layer] of [expert]; the sum above times 1 - DECAY. */
  readonly #uses: FadingShares;

  constructor(shape: PolicyShape) {
    this.#shape = shape;
    this.#uses = new FadingShares(shape.layerCount, shape.expertCount, 0);
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    this.#uses.move(layer, experts, 1 - DECAY);
  }

  value(layer: number, expert: number): number {
    return this.#uses.share(layer, expert);
  }

  seed(profile: Float32Array): void {
    const { layerCount, expertCount } = this.#shape;
    for (let layer = 0; layer < layerCount; layer++) this.#uses.set(layer, profile.subarray(layer * expertCount, (layer + 1) * expertCount));
  }
}
