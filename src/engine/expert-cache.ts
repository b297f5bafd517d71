// Experts on the GPU: slabs of slots, the slot table that kernels find them through, and the way in from the tiers below. Exactness rests on the order of
// queue writes: a slot is rewritten and the table edited only by writes that follow all work that could have read the old expert.

import { assert, defined } from '../core/assert';
import type { Budget, BudgetReport } from '../core/api';
import type { Backend, DeviceBuffer } from '../core/backend';
import { MISSING_SLOT } from '../core/control';
import type { ExpertSupply } from '../core/expert-supply';
import { TIER_INDEX, type Tier } from '../core/routing-frame';
import { type BudgetInput, type SlabPlan, budgetBytes, planSlabs } from '../scheduler/budget';
import { Residency } from '../scheduler/residency';

interface Slab {
  readonly residency: Residency;
  readonly layers: readonly number[];
  buffer: DeviceBuffer;
}

export interface ExpertCacheOptions {
  readonly backend: Backend;
  readonly supply: ExpertSupply;
  readonly shape: BudgetInput;
  readonly budget: Budget;
}

export interface WarmOptions {
  accepts(layer: number, expert: number): boolean;
  onExpert(bytes: number): void;
  readonly signal?: AbortSignal | undefined;
}

/** Experts fetched at once while warming. */
const WARM_BATCH = 8;

export class ExpertCache {
  /** [layer, expert] slot or MISSING_SLOT. */
  readonly slotTable: DeviceBuffer;
  readonly #table: Uint32Array;
  readonly #backend: Backend;
  readonly #supply: ExpertSupply;
  readonly #shape: BudgetInput;
  readonly #slabs: readonly Slab[];
  readonly #slabOfLayer: readonly Slab[];
  #requestedBytes: number;

  constructor({ backend, supply, shape, budget }: ExpertCacheOptions) {
    this.#backend = backend;
    this.#supply = supply;
    this.#shape = shape;
    this.#requestedBytes = budgetBytes(budget, this.#totalBytes());
    const entryCount = shape.layerCount * shape.expertCount;
    this.slotTable = backend.createBuffer('slot table', entryCount * 4);
    this.#table = new Uint32Array(entryCount).fill(MISSING_SLOT);
    backend.write(this.slotTable, 0, this.#table);
    this.#slabs = planSlabs(shape, this.#requestedBytes).map(({ layers, slotCount }, i) => ({
      layers,
      residency: new Residency(layers, slotCount),
      buffer: this.#createSlab(i, slotCount),
    }));
    this.#slabOfLayer = Array.from({ length: shape.layerCount }, (_, layer) => defined(this.#slabs.find(({ layers }) => layers.includes(layer))));
  }

  slabOf(layer: number): DeviceBuffer {
    return this.#slab(layer).buffer;
  }

  /** Experts that one pass over a layer may use at once. */
  slotCountOf(layer: number): number {
    return this.#slab(layer).residency.slotCount;
  }

  isResident(layer: number, expert: number): boolean {
    return this.#slab(layer).residency.slotOf(layer, expert) !== undefined;
  }

  isLayerResident(layer: number): boolean {
    for (let expert = 0; expert < this.#shape.expertCount; expert++) if (!this.isResident(layer, expert)) return false;
    return true;
  }

  touch(layer: number, experts: Iterable<number>): void {
    this.#slab(layer).residency.touch(layer, experts);
  }

  /**
   * Makes all of `needed` (at most slotCountOf(layer) experts) resident and gives, for those that were not, the tier they came from. Records are fetched before
   * anything is evicted, so a failure or an abort leaves the cache as it was.
   */
  async bringIn(layer: number, needed: readonly number[], signal?: AbortSignal): Promise<Map<number, Tier>> {
    const missing = needed.filter((expert) => !this.isResident(layer, expert));
    const fetched = await Promise.all(missing.map(async (expert) => ({ expert, ...(await this.#supply.fetch(layer, expert, { signal })) })));
    const slab = this.#slab(layer);
    const slots = new Map(slab.residency.admit(layer, needed).map((admission) => [admission.expert, admission]));
    for (const { evicted } of slots.values()) {
      if (evicted) this.#setEntry(evicted.layer, evicted.expert, MISSING_SLOT);
    }
    for (const { expert, bytes } of fetched) {
      const admission = slots.get(expert);
      if (!admission) continue;
      assert(bytes.byteLength <= this.#shape.slotBytes, 'an expert larger than its slot');
      this.#backend.write(slab.buffer, admission.slot * this.#shape.slotBytes, bytes);
      this.#setEntry(layer, expert, admission.slot);
    }
    return new Map(fetched.map(({ expert, tier }) => [expert, tier]));
  }

  /** Fills free slots, each layer its share of its slab, in file order. */
  async warm({ accepts, onExpert, signal }: WarmOptions): Promise<void> {
    for (const { residency, layers } of this.#slabs) {
      const share = Math.floor(residency.slotCount / layers.length);
      for (const layer of layers) {
        const wanted = Array.from({ length: Math.min(share, this.#shape.expertCount) }, (_, expert) => expert).filter((expert) => accepts(layer, expert));
        for (let done = 0; done < wanted.length; done += WARM_BATCH) {
          const batch = wanted.slice(done, done + WARM_BATCH);
          await this.bringIn(layer, batch, signal);
          onExpert(batch.length * this.#shape.slotBytes);
        }
      }
    }
  }

  /** Bytes that `warm` brings in at most. */
  get warmBytes(): number {
    const { expertCount, slotBytes } = this.#shape;
    const shareOf = ({ residency, layers }: Slab) => Math.min(Math.floor(residency.slotCount / layers.length), expertCount) * layers.length;
    return this.#slabs.reduce((sum, slab) => sum + shareOf(slab), 0) * slotBytes;
  }

  /**
   * Changes the budget between two submits. Slabs are remade one at a time, what stays is copied on the GPU, and the memory of what goes is freed. Gives the
   * buffers that programs must exchange.
   */
  resize(budget: Budget): Map<DeviceBuffer, DeviceBuffer> {
    const bytes = budgetBytes(budget, this.#totalBytes());
    const plans: SlabPlan[] = planSlabs(this.#shape, bytes);
    const replaced = new Map<DeviceBuffer, DeviceBuffer>();
    this.#slabs.forEach((slab, i) => {
      const slotCount = defined(plans[i]).slotCount;
      if (slotCount === slab.residency.slotCount) return;
      const { slotBytes } = this.#shape;
      const next = this.#createSlab(i, slotCount);
      const before = new Map([...slab.residency.held()].map(({ layer, expert, slot }) => [`${layer}/${expert}`, slot]));
      const { evicted } = slab.residency.resize(slotCount);
      for (const { layer, expert } of evicted) this.#setEntry(layer, expert, MISSING_SLOT);
      for (const { layer, expert, slot } of slab.residency.held()) {
        const from = defined(before.get(`${layer}/${expert}`));
        this.#backend.copy(slab.buffer, from * slotBytes, next, slot * slotBytes, slotBytes);
        if (from !== slot) this.#setEntry(layer, expert, slot);
      }
      replaced.set(slab.buffer, next);
      slab.buffer.destroy();
      slab.buffer = next;
    });
    this.#requestedBytes = bytes;
    return replaced;
  }

  /** [layer, expert] TIER_INDEX. */
  tiers(): Uint8Array {
    const { layerCount, expertCount } = this.#shape;
    const tiers = new Uint8Array(layerCount * expertCount);
    for (let layer = 0; layer < layerCount; layer++) {
      for (let expert = 0; expert < expertCount; expert++) {
        const isHere = this.#table[layer * expertCount + expert] !== MISSING_SLOT;
        tiers[layer * expertCount + expert] = isHere ? TIER_INDEX.gpu : TIER_INDEX[this.#supply.tierOf(layer, expert)];
      }
    }
    return tiers;
  }

  get residentCount(): number {
    return this.#slabs.reduce((sum, { residency }) => sum + residency.heldCount, 0);
  }

  report(ramBytes: number): BudgetReport {
    const { layerCount, expertsPerToken, slotBytes } = this.#shape;
    const gpuSlots = this.#slabs.reduce((sum, { residency }) => sum + residency.slotCount, 0);
    return {
      requestedGpuBytes: this.#requestedBytes,
      gpuBytes: gpuSlots * slotBytes,
      gpuSlots,
      minimumGpuSlots: this.#slabs.length * expertsPerToken,
      ramBytes,
      tokenCycleBytes: layerCount * expertsPerToken * slotBytes,
      expertTotalBytes: this.#totalBytes(),
    };
  }

  #totalBytes(): number {
    return this.#shape.layerCount * this.#shape.expertCount * this.#shape.slotBytes;
  }

  #slab(layer: number): Slab {
    return defined(this.#slabOfLayer[layer], `slab of layer ${layer}`);
  }

  #createSlab(index: number, slotCount: number): DeviceBuffer {
    return this.#backend.createBuffer(`slab ${index}`, slotCount * this.#shape.slotBytes);
  }

  #setEntry(layer: number, expert: number, slot: number): void {
    const at = layer * this.#shape.expertCount + expert;
    this.#table[at] = slot;
    this.#backend.write(this.slotTable, at * 4, this.#table.subarray(at, at + 1));
  }
}
