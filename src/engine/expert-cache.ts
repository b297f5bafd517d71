// Experts on the GPU: slabs of slots, the slot table that kernels find them through, and the way in from the tiers below. Exactness rests on the order of
// queue writes: a slot is rewritten and the table edited only by writes that follow all work that could have read the old expert.

import { assert, defined } from '../core/assert';
import type { Budget, BudgetReport } from '../core/api';
import type { Backend, DeviceBuffer } from '../core/backend';
import { MISSING_SLOT } from '../core/control';
import type { ExpertSupply, FetchUrgency, FetchedExpert } from '../core/expert-supply';
import { TIER_INDEX, type Tier } from '../core/routing-frame';
import { type BudgetInput, type SlabPlan, budgetBytes, judgeBudget, planSlabs, tokenCycleBytes } from '../scheduler/budget';
import { DEFAULT_POLICY, createPolicy } from '../scheduler/create-policy';
import type { ResidencyPolicy } from '../scheduler/policy';
import { type AdmitOptions, Residency } from '../scheduler/residency';
import type { TimeLedger } from './time-ledger';

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
  readonly times: TimeLedger;
  /** As createPolicy names it. */
  readonly policy?: string | undefined;
}

export interface FillOptions {
  readonly urgency: FetchUrgency;
  accepts(layer: number, expert: number): boolean;
  onExpert?(bytes: number): void;
  /** Asked whenever experts have come: whether nobody wants more of them. */
  isOver(): boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Experts of one layer that a step is going to use. */
export interface ExpertWant {
  readonly layer: number;
  readonly experts: readonly number[];
}

export interface BroughtExpert {
  readonly layer: number;
  readonly expert: number;
  readonly tier: Tier;
}

/** Experts fetched at once to fill slots: neighbours, mostly, so that a source reads them with few requests. */
const FILL_BATCH = 16;
/** Nobody gives way. */
const INTO_FREE_SLOT: AdmitOptions = { optional: true, isPinned: () => true };

export class ExpertCache {
  /** [layer, expert] slot or MISSING_SLOT. */
  readonly slotTable: DeviceBuffer;
  readonly #table: Uint32Array;
  readonly #backend: Backend;
  readonly #supply: ExpertSupply;
  readonly #shape: BudgetInput;
  readonly #policy: ResidencyPolicy;
  readonly #times: TimeLedger;
  /** [key] reads that `bringIn` has not asked for yet. */
  readonly #ahead = new Map<number, Promise<FetchedExpert>>();
  readonly #slabs: readonly Slab[];
  readonly #slabOfLayer: readonly Slab[];
  #requestedBytes: number;

  constructor({ backend, supply, shape, budget, times, policy = DEFAULT_POLICY }: ExpertCacheOptions) {
    this.#times = times;
    this.#policy = createPolicy(policy, shape);
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
      residency: new Residency(layers, slotCount, this.#policy),
      buffer: this.#createSlab(i, slotCount),
    }));
    this.#slabOfLayer = Array.from({ length: shape.layerCount }, (_, layer) => defined(this.#slabs.find(({ layers }) => layers.includes(layer))));
  }

  slabOf(layer: number): DeviceBuffer {
    return this.#slab(layer).buffer;
  }

  get policyName(): string {
    return this.#policy.name;
  }

  /** Experts that one pass over a layer may use at once: its even share of the slab, so that a prompt does not flush what other layers hold. */
  passSizeOf(layer: number): number {
    const { residency, layers } = this.#slab(layer);
    return Math.max(this.#shape.expertsPerToken, Math.floor(residency.slotCount / layers.length));
  }

  /** Experts of one pass, those worth most last: they are what a pass that follows leaves behind. */
  inOrderOfPasses(layer: number, experts: readonly number[]): number[] {
    const isHere = experts.filter((expert) => this.isResident(layer, expert));
    const missing = experts.filter((expert) => !this.isResident(layer, expert));
    return [...isHere, ...missing.sort((a, b) => this.#policy.value(layer, a) - this.#policy.value(layer, b) || a - b)];
  }

  isResident(layer: number, expert: number): boolean {
    return this.#slab(layer).residency.slotOf(layer, expert) !== undefined;
  }

  isLayerResident(layer: number): boolean {
    for (let expert = 0; expert < this.#shape.expertCount; expert++) if (!this.isResident(layer, expert)) return false;
    return true;
  }

  /** One token used these experts, strongest first: once per token and layer, before `bringIn` on its behalf. */
  touch(layer: number, experts: ArrayLike<number>): void {
    this.#slab(layer).residency.touch(layer, experts);
  }

  /**
   * Makes the experts of the first want resident (at most passSizeOf(layer)), and those of the others, which are guesses, as far as there is room beside them.
   * Each goes to the GPU as it arrives, the first want's first. Gives what was brought in and from where. Rejects when one of the first want's cannot be had; what
   * had arrived by then stays. `onExpert` hears of each as it arrives.
   */
  async bringIn([demand, ...ahead]: readonly [ExpertWant, ...ExpertWant[]], signal?: AbortSignal, onExpert?: () => void): Promise<BroughtExpert[]> {
    const demanded = new Set(demand.experts.map((expert) => this.#key(demand.layer, expert)));
    const wanted = new Set([...demanded, ...ahead.flatMap(({ layer, experts }) => experts.map((expert) => this.#key(layer, expert)))]);
    const isDemanded = (layer: number, expert: number) => demanded.has(this.#key(layer, expert));
    const isWanted = (layer: number, expert: number) => wanted.has(this.#key(layer, expert));
    const load = async (layer: number, expert: number, urgency: FetchUrgency, options: AdmitOptions): Promise<BroughtExpert | undefined> => {
      const { bytes, tier, release } = await this.#fetch(layer, expert, signal, urgency);
      const isAdmitted = this.#admit(layer, expert, bytes, options);
      release?.();
      onExpert?.();
      return isAdmitted ? { layer, expert, tier } : undefined;
    };
    const missingOf = ({ layer, experts }: ExpertWant) => experts.filter((expert) => !this.isResident(layer, expert));
    const needs = missingOf(demand).map((expert) => load(demand.layer, expert, 'demand', { isPinned: isDemanded }));
    const guesses = ahead.flatMap((want) => missingOf(want).map((expert) => load(want.layer, expert, 'look-ahead', { isPinned: isWanted, optional: true })));
    const outcomes = await this.#times.loading(() => Promise.allSettled([...needs, ...guesses]));
    await Promise.all(needs);
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' && outcome.value ? [outcome.value] : []));
  }

  /** Starts reading experts that `bringIn` is going to ask for, behind what it waits for now. */
  readAhead(layer: number, experts: readonly number[], signal?: AbortSignal): void {
    for (const expert of experts) {
      const key = this.#key(layer, expert);
      if (this.isResident(layer, expert) || this.#ahead.has(key)) continue;
      const fetching = this.#supply.fetch(layer, expert, { signal, urgency: 'look-ahead' });
      fetching.catch(() => undefined); // whoever asks for it hears of it
      this.#ahead.set(key, fetching);
    }
  }

  /** Forgets reads that nobody has asked for. */
  dropAhead(): void {
    for (const fetching of this.#ahead.values()) {
      fetching.then(
        ({ release }) => release?.(),
        () => undefined,
      );
    }
    this.#ahead.clear();
  }

  #fetch(layer: number, expert: number, signal: AbortSignal | undefined, urgency: FetchUrgency): Promise<FetchedExpert> {
    const key = this.#key(layer, expert);
    const ahead = this.#ahead.get(key);
    this.#ahead.delete(key);
    return ahead ?? this.#supply.fetch(layer, expert, { signal, urgency });
  }

  /** Puts an expert that has arrived into a slot. False when it is there already, or there is no room for a guess. */
  #admit(layer: number, expert: number, bytes: Uint8Array, options: AdmitOptions): boolean {
    if (this.isResident(layer, expert)) return false;
    const slab = this.#slab(layer);
    const [admission] = slab.residency.admit(layer, [expert], options);
    if (!admission) return false;
    if (admission.evicted) this.#setEntry(admission.evicted.layer, admission.evicted.expert, MISSING_SLOT);
    assert(bytes.byteLength <= this.#shape.slotBytes, 'an expert larger than its slot');
    this.#times.upload(() => this.#backend.write(slab.buffer, admission.slot * this.#shape.slotBytes, bytes));
    this.#setEntry(layer, expert, admission.slot);
    return true;
  }

  #key(layer: number, expert: number): number {
    return layer * this.#shape.expertCount + expert;
  }

  /**
   * Fills free slots, each layer up to its share of its slab, with what is worth most: in file order unless a profile says otherwise. May run while steps are in
   * flight, since no expert gives way. Gives how many came; rejects with the first failure of a batch, whose other experts stay.
   */
  async fillSlots({ urgency, accepts, onExpert, isOver, signal }: FillOptions): Promise<number> {
    let count = 0;
    const load = async (layer: number, expert: number): Promise<void> => {
      if (this.isResident(layer, expert)) return;
      const { bytes, release } = await this.#supply.fetch(layer, expert, { signal, urgency });
      const isAdmitted = !isOver() && this.#admit(layer, expert, bytes, INTO_FREE_SLOT);
      release?.();
      if (!isAdmitted) return;
      count++;
      onExpert?.(this.#shape.slotBytes);
    };
    for (let layer = 0; layer < this.#shape.layerCount; layer++) {
      const { residency, layers } = this.#slab(layer);
      const room = Math.floor(residency.slotCount / layers.length) - residency.heldIn(layer);
      if (room <= 0) continue;
      const wanted = this.#hottest(layer)
        .filter((expert) => !this.isResident(layer, expert) && accepts(layer, expert))
        .slice(0, room);
      for (let done = 0; done < wanted.length && residency.heldCount < residency.slotCount && !isOver(); done += FILL_BATCH) {
        const batch = wanted.slice(done, done + FILL_BATCH).map((expert) => load(layer, expert));
        await Promise.allSettled(batch);
        await Promise.all(batch);
      }
    }
    return count;
  }

  #hottest(layer: number): number[] {
    const experts = Array.from({ length: this.#shape.expertCount }, (_, expert) => expert);
    return experts.sort((a, b) => this.#policy.value(layer, b) - this.#policy.value(layer, a) || a - b);
  }

  /** What earlier visits have learnt of which experts are hot, and what this one has. [layer, expert] uses per token. */
  seed(profile: Float32Array): void {
    this.#policy.seed(profile);
  }

  profile(): Float32Array {
    return this.#policy.profile();
  }

  /** Bytes that `fillSlots` brings in at most when nothing is there. */
  get fillBytes(): number {
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
    const { expertsPerToken, slotBytes } = this.#shape;
    const gpuSlots = this.#slabs.reduce((sum, { residency }) => sum + residency.slotCount, 0);
    const { verdict, recommendedBytes } = judgeBudget(this.#shape, gpuSlots * slotBytes);
    return {
      requestedGpuBytes: this.#requestedBytes,
      gpuBytes: gpuSlots * slotBytes,
      gpuSlots,
      minimumGpuSlots: this.#slabs.length * expertsPerToken,
      ramBytes,
      tokenCycleBytes: tokenCycleBytes(this.#shape),
      expertTotalBytes: this.#totalBytes(),
      verdict,
      recommendedGpuBytes: recommendedBytes,
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
