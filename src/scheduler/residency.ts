// Which expert has which slot of one slab: a pure state machine. Least recently used, per layer: a layer that holds more than its quota gives first, then the
// layer that asks gives its own. Quotas keep a budget below one token's cycle from falling to no hits at all, which a single global list would do.

import { assert, defined } from '../core/assert';

export interface Admission {
  readonly expert: number;
  readonly slot: number;
  /** Who had the slot. */
  readonly evicted?: ExpertKey;
}

export interface ExpertKey {
  readonly layer: number;
  readonly expert: number;
}

export interface AdmitOptions {
  /** An expert for which no slot can be had is left out. */
  readonly optional?: boolean;
  /** Experts that keep their slots, besides those that are admitted. */
  readonly isPinned?: (layer: number, expert: number) => boolean;
}

export interface SlotMove {
  readonly from: number;
  readonly to: number;
}

interface Holder extends ExpertKey {
  lastUse: number;
}

export class Residency {
  readonly #layers: readonly number[];
  /** [slot] */
  #holders: (Holder | undefined)[];
  readonly #slots = new Map<string, number>();
  readonly #heldByLayer = new Map<number, number>();
  #clock = 0;

  /** `layers`: the layers that share this slab. */
  constructor(layers: readonly number[], slotCount: number) {
    this.#layers = layers;
    this.#holders = Array.from({ length: slotCount }, () => undefined);
  }

  get slotCount(): number {
    return this.#holders.length;
  }

  get heldCount(): number {
    return this.#slots.size;
  }

  slotOf(layer: number, expert: number): number | undefined {
    return this.#slots.get(keyOf(layer, expert));
  }

  /** Notes that a step used these experts. */
  touch(layer: number, experts: Iterable<number>): void {
    this.#clock++;
    for (const expert of experts) {
      const slot = this.slotOf(layer, expert);
      if (slot !== undefined) defined(this.#holders[slot]).lastUse = this.#clock;
    }
  }

  /** Gives slots to experts of a layer that have none; those in `needed` keep theirs. There must be at least as many slots as needed experts. */
  admit(layer: number, needed: readonly number[], { optional = false, isPinned = () => false }: AdmitOptions = {}): Admission[] {
    const pinned = new Set(needed);
    const missing = [...pinned].filter((expert) => this.slotOf(layer, expert) === undefined);
    assert(pinned.size <= this.slotCount, `${pinned.size} experts are needed at once and there are ${this.slotCount} slots`);
    this.#clock++;
    return missing.flatMap((expert) => {
      const slot = this.#freeSlot() ?? this.#victim(layer, pinned, isPinned);
      if (slot === undefined && optional) return [];
      assert(slot !== undefined, 'a slot to give up');
      const previous = this.#holders[slot];
      if (previous) this.#remove(slot);
      this.#holders[slot] = { layer, expert, lastUse: this.#clock };
      this.#slots.set(keyOf(layer, expert), slot);
      this.#heldByLayer.set(layer, this.#heldOf(layer) + 1);
      return [previous ? { expert, slot, evicted: { layer: previous.layer, expert: previous.expert } } : { expert, slot }];
    });
  }

  /** Takes a slot back, for an expert whose bytes did not arrive. */
  release(layer: number, expert: number): void {
    const slot = this.slotOf(layer, expert);
    if (slot !== undefined) this.#remove(slot);
  }

  /** Changes the number of slots. Shrinking gives up the least recently used and moves the rest below the new end. */
  resize(slotCount: number): { readonly evicted: readonly ExpertKey[]; readonly moves: readonly SlotMove[] } {
    const evicted: ExpertKey[] = [];
    const oldest = [...this.#holders.keys()].filter((slot) => this.#holders[slot]).sort((a, b) => this.#holders[a]!.lastUse - this.#holders[b]!.lastUse);
    while (this.#slots.size > slotCount) {
      const slot = defined(oldest.shift());
      const { layer, expert } = defined(this.#holders[slot]);
      evicted.push({ layer, expert });
      this.#remove(slot);
    }
    const moves: SlotMove[] = [];
    for (let from = slotCount; from < this.#holders.length; from++) {
      const holder = this.#holders[from];
      if (!holder) continue;
      const to = defined(this.#freeSlot());
      moves.push({ from, to });
      this.#holders[to] = holder;
      this.#holders[from] = undefined;
      this.#slots.set(keyOf(holder.layer, holder.expert), to);
    }
    this.#holders = Array.from({ length: slotCount }, (_, slot) => this.#holders[slot]);
    return { evicted, moves };
  }

  *held(): IterableIterator<ExpertKey & { readonly slot: number }> {
    for (const [slot, holder] of this.#holders.entries()) {
      if (holder) yield { layer: holder.layer, expert: holder.expert, slot };
    }
  }

  #freeSlot(): number | undefined {
    if (this.#slots.size === this.#holders.length) return undefined;
    const slot = this.#holders.indexOf(undefined);
    return slot === -1 ? undefined : slot;
  }

  #victim(layer: number, pinned: ReadonlySet<number>, isPinned: (layer: number, expert: number) => boolean): number | undefined {
    const quota = Math.floor(this.slotCount / this.#layers.length);
    const rank = (holder: Holder): number => {
      if (this.#heldOf(holder.layer) > quota) return 0;
      return holder.layer === layer ? 1 : 2;
    };
    let best: number | undefined;
    for (const [slot, holder] of this.#holders.entries()) {
      if (!holder || (holder.layer === layer && pinned.has(holder.expert)) || isPinned(holder.layer, holder.expert)) continue;
      const current = best === undefined ? undefined : this.#holders[best];
      const isBetter = !current || rank(holder) < rank(current) || (rank(holder) === rank(current) && holder.lastUse < current.lastUse);
      if (isBetter) best = slot;
    }
    return best;
  }

  #remove(slot: number): void {
    const { layer, expert } = defined(this.#holders[slot]);
    this.#holders[slot] = undefined;
    this.#slots.delete(keyOf(layer, expert));
    this.#heldByLayer.set(layer, this.#heldOf(layer) - 1);
  }

  #heldOf(layer: number): number {
    return this.#heldByLayer.get(layer) ?? 0;
  }
}

function keyOf(layer: number, expert: number): string {
  return `${layer}/${expert}`;
}
