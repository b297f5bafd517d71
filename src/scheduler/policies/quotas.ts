// How many slots each layer is sure of. Layers above their share give up slots first, the least worth among all of theirs; so shares that use up all slots
// keep layers apart, and small ones let layers compete.

import type { PolicyShape, Quotas } from '../policy';

/** The same for each layer. */
export class EvenQuotas implements Quotas {
  touch(): void {}

  shares(layers: readonly number[], slotCount: number): ArrayLike<number> {
    return new Uint32Array(layers.length).fill(Math.floor(slotCount / layers.length));
  }
}

/** Half of an even share: layers compete for the rest, and none is ever starved. */
export class GuardQuotas implements Quotas {
  touch(): void {}

  shares(layers: readonly number[], slotCount: number): ArrayLike<number> {
    return new Uint32Array(layers.length).fill(Math.floor(slotCount / layers.length / 2));
  }
}

/** All slots in one list. */
export class NoQuotas implements Quotas {
  touch(): void {}

  shares(layers: readonly number[]): ArrayLike<number> {
    return new Uint32Array(layers.length);
  }
}

/** Proportional to demand (ExpertFlow's PLEC): slots_l = floor(C · demand_l / Σ demand), where demand is how many different experts the layer is using. */
export class DemandQuotas implements Quotas {
  readonly #expertCount: number;
  /** [layer, expert] uses, fading. */
  readonly #uses: Float64Array;
  /** [layer] exp of the entropy of its uses: as many experts, used evenly, would be as hard to hold. */
  readonly #demand: Float64Array;

  constructor({ layerCount, expertCount }: PolicyShape) {
    this.#expertCount = expertCount;
    this.#uses = new Float64Array(layerCount * expertCount).fill(1);
    this.#demand = new Float64Array(layerCount).fill(expertCount);
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    const uses = this.#uses.subarray(layer * this.#expertCount, (layer + 1) * this.#expertCount);
    for (let i = 0; i < experts.length; i++) uses[experts[i]!]!++;
    let sum = 0;
    let sumOfLogs = 0;
    for (let expert = 0; expert < uses.length; expert++) {
      const faded = uses[expert]! * DEMAND_DECAY;
      uses[expert] = faded;
      sum += faded;
      sumOfLogs += faded * Math.log(faded);
    }
    this.#demand[layer] = Math.exp(Math.log(sum) - sumOfLogs / sum);
  }

  shares(layers: readonly number[], slotCount: number): ArrayLike<number> {
    const total = layers.reduce((sum, layer) => sum + this.#demand[layer]!, 0);
    return Uint32Array.from(layers, (layer) => Math.floor((slotCount * this.#demand[layer]!) / total));
  }
}

const DEMAND_DECAY = 0.99;
