// The meaning of Residency in the plainest terms: a list of who is where, searched and sorted anew for every question. What an expert is worth and what a layer
// is sure of it asks a policy of its own, which is told the same uses.

import type { ResidencyPolicy } from '../../src/scheduler/policy';

interface Held {
  layer: number;
  expert: number;
  slot: number;
}

export class NaiveResidency {
  held: Held[] = [];
  slotCount: number;
  readonly #layers: readonly number[];
  readonly #policy: ResidencyPolicy;

  constructor(layers: readonly number[], slotCount: number, policy: ResidencyPolicy) {
    this.#layers = layers;
    this.slotCount = slotCount;
    this.#policy = policy;
  }

  find(layer: number, expert: number): Held | undefined {
    return this.held.find((held) => held.layer === layer && held.expert === expert);
  }

  touch(layer: number, experts: readonly number[]): void {
    this.#policy.touch(layer, experts);
  }

  /** Who goes when `layer` needs `needed`: layers above their share first, then the layer itself, then anybody; each the least worth, then the first by number. */
  admit(layer: number, needed: readonly number[], isPinned: (layer: number, expert: number) => boolean = () => false): void {
    for (const expert of needed) {
      if (this.find(layer, expert)) continue;
      if (this.held.length === this.slotCount) {
        const candidates = this.held.filter((held) => !(held.layer === layer && needed.includes(held.expert)) && !isPinned(held.layer, held.expert));
        const groups = [
          candidates.filter((held) => this.#isAboveShare(held.layer, this.slotCount)),
          candidates.filter((held) => held.layer === layer),
          candidates,
        ];
        const victims = groups.find((group) => group.length > 0);
        if (!victims) return;
        this.remove(this.#byWorth(victims)[0]!);
      }
      this.held.push({ layer, expert, slot: this.#freeSlot() });
    }
  }

  release(layer: number, expert: number): void {
    const held = this.find(layer, expert);
    if (held) this.remove(held);
  }

  resize(slotCount: number): void {
    while (this.held.length > slotCount) this.remove(this.#byWorth(this.held.filter((held) => this.#isAboveShare(held.layer, slotCount)))[0]!);
    this.slotCount = slotCount;
    for (const held of [...this.held].sort((a, b) => a.slot - b.slot)) if (held.slot >= slotCount) held.slot = this.#freeSlot();
  }

  remove(gone: Held): void {
    this.held = this.held.filter((held) => held !== gone);
  }

  #isAboveShare(layer: number, slotCount: number): boolean {
    return this.held.filter((held) => held.layer === layer).length > this.#policy.shares(this.#layers, slotCount)[this.#layers.indexOf(layer)]!;
  }

  #byWorth(held: readonly Held[]): Held[] {
    const worth = (one: Held) => this.#policy.value(one.layer, one.expert);
    return [...held].sort((a, b) => worth(a) - worth(b) || a.layer - b.layer || a.expert - b.expert);
  }

  #freeSlot(): number {
    for (let slot = 0; ; slot++) if (!this.held.some((held) => held.slot === slot)) return slot;
  }
}
