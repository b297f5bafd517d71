// The meaning of Residency in the plainest terms: a list of who is where, searched and sorted anew for every question.

interface Held {
  layer: number;
  expert: number;
  slot: number;
  lastUse: number;
}

export class NaiveResidency {
  held: Held[] = [];
  slotCount: number;
  readonly #layerCount: number;
  #clock = 0;

  constructor(layerCount: number, slotCount: number) {
    this.#layerCount = layerCount;
    this.slotCount = slotCount;
  }

  find(layer: number, expert: number): Held | undefined {
    return this.held.find((held) => held.layer === layer && held.expert === expert);
  }

  touch(layer: number, experts: readonly number[]): void {
    this.#clock++;
    for (const held of this.held) if (held.layer === layer && experts.includes(held.expert)) held.lastUse = this.#clock;
  }

  /** Who goes when `layer` needs `needed`: layers above their share first, then the layer itself, then anybody; each the least recently used, then the first slot. */
  admit(layer: number, needed: readonly number[]): Held[] {
    this.#clock++;
    const missing = [...new Set(needed)].filter((expert) => !this.find(layer, expert));
    return missing.map((expert) => {
      if (this.held.length === this.slotCount) {
        const share = Math.floor(this.slotCount / this.#layerCount);
        const isAboveShare = ({ layer: other }: Held) => this.held.filter((held) => held.layer === other).length > share;
        const candidates = this.held.filter((held) => held.layer !== layer || !needed.includes(held.expert));
        const groups = [candidates.filter(isAboveShare), candidates.filter((held) => held.layer === layer), candidates];
        const victims = groups.find((group) => group.length > 0)!;
        this.remove(victims.sort((a, b) => a.lastUse - b.lastUse || a.slot - b.slot)[0]!);
      }
      const added = { layer, expert, slot: this.#freeSlot(), lastUse: this.#clock };
      this.held.push(added);
      return added;
    });
  }

  release(layer: number, expert: number): void {
    const held = this.find(layer, expert);
    if (held) this.remove(held);
  }

  resize(slotCount: number): void {
    const byAge = [...this.held].sort((a, b) => a.lastUse - b.lastUse || a.slot - b.slot);
    for (const held of byAge.slice(0, Math.max(0, this.held.length - slotCount))) this.remove(held);
    this.slotCount = slotCount;
    for (const held of [...this.held].sort((a, b) => a.slot - b.slot)) if (held.slot >= slotCount) held.slot = this.#freeSlot();
  }

  remove(gone: Held): void {
    this.held = this.held.filter((held) => held !== gone);
  }

  #freeSlot(): number {
    for (let slot = 0; ; slot++) if (!this.held.some((held) => held.slot === slot)) return slot;
  }
}
