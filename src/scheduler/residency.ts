// Which expert has which slot of one slab: a pure state machine. Who gives way is the policy's choice within three rules: what a step needs and what is pinned
// stays; a layer above its share gives first, the least worth among all such layers; then the layer that asks gives its own; and only then another.

import { assert } from '../core/assert';
import type { ResidencyPolicy } from './policy';

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

export interface SlotMove {
  readonly from: number;
  readonly to: number;
}

export interface AdmitOptions {
  /** For loads on suspicion: an expert for which no slot can be had is left out. */
  readonly optional?: boolean;
  /** Experts of any layer that must keep their slots. */
  readonly isPinned?: (layer: number, expert: number) => boolean;
}

const NONE = -1;

export class Residency {
  readonly #layers: readonly number[];
  readonly #policy: ResidencyPolicy;
  readonly #expertCount: number;
  // An expert's key is layer · expertCount + expert.
  /** [slot] key or NONE. */
  #holders: Int32Array;
  /** [key] slot or NONE. */
  readonly #slots: Int32Array;
  /** [layer] */
  readonly #heldByLayer: Uint32Array;
  #heldCount = 0;
  /** [key] number of the admission that needs it. */
  readonly #neededBy: Uint32Array;
  #admissionCount = 0;
  /** [layer] key of the held expert that is worth least, or NONE; found again when the policy or the layer's slots have changed. */
  readonly #least: Int32Array;
  /** [layer] policy version that `#least` belongs to, or NONE. */
  readonly #leastVersion: Float64Array;

  /** `layers`: the layers that share this slab. The policy may be shared by several slabs. */
  constructor(layers: readonly number[], slotCount: number, policy: ResidencyPolicy) {
    const { layerCount, expertCount } = policy.shape;
    this.#layers = layers;
    this.#policy = policy;
    this.#expertCount = expertCount;
    this.#holders = new Int32Array(slotCount).fill(NONE);
    this.#slots = new Int32Array(layerCount * expertCount).fill(NONE);
    this.#heldByLayer = new Uint32Array(layerCount);
    this.#neededBy = new Uint32Array(layerCount * expertCount);
    this.#least = new Int32Array(layerCount).fill(NONE);
    this.#leastVersion = new Float64Array(layerCount).fill(NONE);
  }

  get slotCount(): number {
    return this.#holders.length;
  }

  get heldCount(): number {
    return this.#heldCount;
  }

  /** Experts of one layer. */
  heldIn(layer: number): number {
    return this.#heldByLayer[layer]!;
  }

  slotOf(layer: number, expert: number): number | undefined {
    const slot = this.#slots[this.#keyOf(layer, expert)]!;
    return slot === NONE ? undefined : slot;
  }

  /** Notes that one token used these experts, strongest first. Once per token and layer, before `admit` on its behalf. */
  touch(layer: number, experts: ArrayLike<number>, weights?: ArrayLike<number>): void {
    this.#policy.touch(layer, experts, weights);
  }

  /** Gives slots to experts of a layer that have none; all of `experts` keep theirs. Unless optional, there must be a slot for each that is not pinned away. */
  admit(layer: number, experts: ArrayLike<number>, { optional = false, isPinned }: AdmitOptions = {}): Admission[] {
    this.#admissionCount++;
    for (let i = 0; i < experts.length; i++) this.#neededBy[this.#keyOf(layer, experts[i]!)] = this.#admissionCount;
    const admissions: Admission[] = [];
    let shares: ArrayLike<number> | undefined;
    for (let i = 0; i < experts.length; i++) {
      const expert = experts[i]!;
      if (this.#slots[this.#keyOf(layer, expert)] !== NONE) continue;
      let slot = this.#freeSlot();
      let evicted: ExpertKey | undefined;
      if (slot === NONE) {
        shares ??= this.#sharesByLayer(this.slotCount);
        const victim = this.#victim(layer, shares, isPinned);
        if (victim === NONE) {
          assert(optional, `${experts.length} experts are needed at once, there are ${this.slotCount} slots, and no more can be given up`);
          break;
        }
        slot = this.#slots[victim]!;
        evicted = this.#expertOf(victim);
        this.#remove(slot);
      }
      this.#put(slot, this.#keyOf(layer, expert));
      admissions.push(evicted ? { expert, slot, evicted } : { expert, slot });
    }
    return admissions;
  }

  /** Takes a slot back, for an expert whose bytes did not arrive. */
  release(layer: number, expert: number): void {
    const slot = this.slotOf(layer, expert);
    if (slot !== undefined) this.#remove(slot);
  }

  /** Changes the number of slots. Shrinking gives up the least worth of layers above their new share, and moves the rest below the new end. */
  resize(slotCount: number): { readonly evicted: readonly ExpertKey[]; readonly moves: readonly SlotMove[] } {
    const evicted: ExpertKey[] = [];
    const shares = this.#sharesByLayer(slotCount);
    const held = [...this.held()].map(({ layer, expert, slot }) => ({ layer, expert, slot, value: this.#policy.value(layer, expert) }));
    held.sort((a, b) => a.value - b.value || this.#keyOf(a.layer, a.expert) - this.#keyOf(b.layer, b.expert));
    // Shares are at most slotCount together: whoever must go is found in one pass.
    for (const { layer, expert, slot } of held) {
      if (this.#heldCount <= slotCount) break;
      if (this.#heldByLayer[layer]! <= shares[layer]!) continue;
      evicted.push({ layer, expert });
      this.#remove(slot);
    }
    assert(this.#heldCount <= slotCount, 'quotas that promise more slots than there are');
    const moves: SlotMove[] = [];
    const before = this.#holders;
    this.#holders = new Int32Array(slotCount).fill(NONE);
    this.#holders.set(before.subarray(0, slotCount));
    for (let from = slotCount; from < before.length; from++) {
      const key = before[from]!;
      if (key === NONE) continue;
      const to = this.#holders.indexOf(NONE);
      moves.push({ from, to });
      this.#holders[to] = key;
      this.#slots[key] = to;
    }
    return { evicted, moves };
  }

  *held(): IterableIterator<ExpertKey & { readonly slot: number }> {
    for (let slot = 0; slot < this.#holders.length; slot++) {
      const key = this.#holders[slot]!;
      if (key !== NONE) yield { ...this.#expertOf(key), slot };
    }
  }

  #freeSlot(): number {
    return this.#heldCount === this.#holders.length ? NONE : this.#holders.indexOf(NONE);
  }

  /** The key of who gives way, or NONE. */
  #victim(asking: number, shares: ArrayLike<number>, isPinned: AdmitOptions['isPinned']): number {
    let best = NONE;
    let bestRank = 0;
    let bestValue = 0;
    for (const layer of this.#layers) {
      const rank = this.#heldByLayer[layer]! > shares[layer]! ? 0 : layer === asking ? 1 : 2;
      if (best !== NONE && rank > bestRank) continue;
      const key = this.#leastThatMayGo(layer, isPinned);
      if (key === NONE) continue;
      const value = this.#policy.value(layer, key - layer * this.#expertCount);
      if (best !== NONE && rank === bestRank && value >= bestValue) continue;
      best = key;
      bestRank = rank;
      bestValue = value;
    }
    return best;
  }

  #leastThatMayGo(layer: number, isPinned: AdmitOptions['isPinned']): number {
    const mayGo = (key: number) => this.#neededBy[key] !== this.#admissionCount && isPinned?.(layer, key - layer * this.#expertCount) !== true;
    const version = this.#policy.versions[layer]!;
    if (this.#leastVersion[layer] !== version) {
      this.#least[layer] = this.#leastOf(layer, () => true);
      this.#leastVersion[layer] = version;
    }
    const least = this.#least[layer]!;
    return least === NONE || mayGo(least) ? least : this.#leastOf(layer, mayGo);
  }

  #leastOf(layer: number, mayGo: (key: number) => boolean): number {
    let least = NONE;
    let leastValue = 0;
    const first = this.#keyOf(layer, 0);
    for (let key = first; key < first + this.#expertCount; key++) {
      if (this.#slots[key] === NONE || !mayGo(key)) continue;
      const value = this.#policy.value(layer, key - first);
      if (least !== NONE && value >= leastValue) continue;
      least = key;
      leastValue = value;
    }
    return least;
  }

  /** [layer of the model] */
  #sharesByLayer(slotCount: number): Float64Array {
    const shares = new Float64Array(this.#heldByLayer.length);
    const given = this.#policy.shares(this.#layers, slotCount);
    this.#layers.forEach((layer, i) => (shares[layer] = given[i]!));
    return shares;
  }

  #put(slot: number, key: number): void {
    this.#leastVersion[Math.floor(key / this.#expertCount)] = NONE;
    this.#holders[slot] = key;
    this.#slots[key] = slot;
    this.#heldByLayer[Math.floor(key / this.#expertCount)]!++;
    this.#heldCount++;
  }

  #remove(slot: number): void {
    const key = this.#holders[slot]!;
    this.#leastVersion[Math.floor(key / this.#expertCount)] = NONE;
    this.#holders[slot] = NONE;
    this.#slots[key] = NONE;
    this.#heldByLayer[Math.floor(key / this.#expertCount)]!--;
    this.#heldCount--;
  }

  #keyOf(layer: number, expert: number): number {
    return layer * this.#expertCount + expert;
  }

  #expertOf(key: number): ExpertKey {
    const layer = Math.floor(key / this.#expertCount);
    return { layer, expert: key - layer * this.#expertCount };
  }
}
