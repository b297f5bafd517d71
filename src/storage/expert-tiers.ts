// The one place that knows where an expert is below the GPU and brings it here: RAM (a byte-budget LRU), disk (records of the model library),
// network (whatever `importExpert` reads: a remote or local model file). What comes from the network is written to disk behind the caller's back.
//
// An expert is a number here, its place in file order: layer by layer. The index of what is on disk is kept in memory, so `tierOf` answers at once.
// A full or failing store never fails a fetch: writing stops, a notice says so, and everything else goes on.

import { assert, defined } from '../core/assert';
import { EngineError, throwIfAborted } from '../core/errors';
import type { ExpertSupply, FetchOptions, FetchUrgency, FetchedExpert, SupplyStats } from '../core/expert-supply';
import type { Tier } from '../core/routing-frame';
import { KiB, formatBytes } from '../core/units';
import { BatchedReader } from './batched-reader';
import { BusyTime } from './busy-time';
import { ByteLru } from './byte-lru';
import type { Cancellation } from './cancellation';
import { LoadQueue, type LoadTicket, type LoadUrgency } from './load-queue';
import type { ExpertId, ModelLibrary } from './model-library';
import { RecordBuffers } from './record-buffers';
import { SharedLoad } from './shared-load';
import { WriteQueue } from './write-queue';

type LowerTier = Exclude<Tier, 'gpu'>;

export interface ExpertTiersOptions {
  /** [layer] routed experts; 0 for a dense layer. */
  readonly expertCounts: readonly number[];
  /** [layer] bytes of one expert. */
  readonly expertBytes: readonly number[];
  readonly ramBudgetBytes: number;
  /** With a manifest of the same layout; undefined stores nothing. */
  readonly library?: ModelLibrary | undefined;
  /** Reads the model file and repacks. */
  readonly importExpert: (layer: number, expert: number, signal: AbortSignal) => Promise<Uint8Array>;
  /** Milliseconds from any origin, for the times in `supplyStats`. */
  readonly clock: () => number;
}

export interface TierStats extends SupplyStats {
  /** Bytes that the background fill has read from the network, apart from `bytesRead`. */
  readonly bytesFilled: number;
  /** Waiting to be written. */
  readonly queuedExperts: number;
  readonly queuedBytes: number;
}

export interface FillOptions {
  readonly signal?: AbortSignal;
  /** Bytes of experts on disk, and of all experts. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
}

/** Runs of experts that the background fill imports at once: enough to hide a server's latency, few enough to leave the line to demand. */
const FILL_LANE_COUNT = 3;
/** Bytes of a run, at most (or one expert): neighbours, which a source can read with few requests, and little enough for a slow line. */
const FILL_RUN_MAX_BYTES = 512 * KiB;
/** The fill starts over when records were lost behind its back; a store that keeps losing them is left alone. */
const FILL_MAX_PASSES = 3;

interface Loaded {
  readonly bytes: Uint8Array;
  readonly tier: LowerTier;
}

interface PendingLoad {
  readonly load: SharedLoad<Loaded>;
  readonly ticket: LoadTicket;
  /** Callers who will hold the bytes when they are there. */
  joinCount: number;
}

export class ExpertTiers implements ExpertSupply {
  readonly notices: string[] = [];
  readonly #options: ExpertTiersOptions;
  /** [expert in file order] */
  readonly #ids: readonly ExpertId[];
  /** [layer] number of its first expert. */
  readonly #firstOfLayer: readonly number[];
  readonly #ram: ByteLru;
  readonly #onDisk = new Set<number>();
  #diskBytes = 0;
  readonly #reader: BatchedReader | undefined;
  readonly #writes: WriteQueue;
  readonly #queue = new LoadQueue();
  readonly #buffers = new RecordBuffers();
  readonly #pending = new Map<number, PendingLoad>();
  readonly #bytesRead = { ram: 0, disk: 0, network: 0 };
  readonly #loads: Record<FetchUrgency, number> = { demand: 0, 'look-ahead': 0, prefetch: 0 };
  readonly #times: { readonly reading: BusyTime; readonly checking: BusyTime };
  #bytesFilled = 0;
  #recordsRepaired = 0;
  #fill: Promise<unknown> | undefined;
  #onFillProgress: (() => void) | undefined;
  #isDisposed = false;

  private constructor(options: ExpertTiersOptions) {
    this.#options = options;
    this.#ids = options.expertCounts.flatMap((count, layer) => Array.from({ length: count }, (_, expert) => ({ layer, expert })));
    let first = 0;
    this.#firstOfLayer = options.expertCounts.map((count) => (first += count) - count);
    this.#ram = new ByteLru(options.ramBudgetBytes, (bytes) => this.#buffers.release(bytes));
    this.#times = { reading: new BusyTime(options.clock), checking: new BusyTime(options.clock) };
    this.#reader = options.library && new BatchedReader(options.library, { times: this.#times, allocate: this.#buffers.take });
    this.#writes = new WriteQueue({
      write: (batch) => defined(options.library).writeExperts(batch.map(([key, bytes]) => [this.#idOf(key), bytes])),
      onWritten: (batch) => {
        for (const [key] of batch) this.#noteOnDisk(key);
        this.#onFillProgress?.();
      },
      onFailed: (thrown) => this.#noteWriteFailure(thrown),
    });
  }

  /** Reads the index of what is on disk. A store that cannot be read is a notice, not an error. */
  static async open(options: ExpertTiersOptions): Promise<ExpertTiers> {
    const tiers = new ExpertTiers(options);
    if (!options.library) return tiers;
    try {
      for (const { layer, expert } of await options.library.storedExperts()) tiers.#noteOnDisk(tiers.#keyOf(layer, expert));
    } catch (thrown) {
      tiers.#noteWriteFailure(thrown);
      await tiers.#writes.stop();
    }
    return tiers;
  }

  tierOf(layer: number, expert: number): LowerTier {
    const key = this.#keyOf(layer, expert);
    if (this.#ram.has(key) || this.#writes.get(key)) return 'ram';
    return this.#onDisk.has(key) ? 'disk' : 'network';
  }

  /**
   * The expert's bytes, shared with other callers, and the tier they came from. Callers that want the same expert at the same time share one load.
   * Rejects with what `importExpert` rejects with; 'record-corrupt' when the stored record is broken and the file cannot be read either; 'aborted', 'disposed'.
   */
  async fetch(layer: number, expert: number, { signal, urgency = 'demand' }: FetchOptions = {}): Promise<FetchedExpert> {
    this.#checkUsable(signal);
    const key = this.#keyOf(layer, expert);
    const held = this.#ram.get(key) ?? this.#writes.get(key);
    if (!held) return this.#join(key, urgency, signal);
    this.#bytesRead.ram += held.byteLength;
    if (!this.#ram.has(key)) this.#keepInRam(key, held);
    this.#buffers.hold(held);
    return this.#handOut({ bytes: held, tier: 'ram' });
  }

  setRamBudget(bytes: number): void {
    this.#ram.setBudget(bytes);
  }

  /**
   * Brings everything to disk that is not there, in file order, and marks the model as complete. Gives way: nothing is started while a fetch waits (see LoadQueue).
   * False when not all could be stored (no store, no room). Rejects with 'aborted', 'disposed' or what `importExpert` rejects with; what was stored stays.
   */
  async fillInBackground({ signal, onProgress }: FillOptions = {}): Promise<boolean> {
    assert(!this.#fill, 'the background fill is already running');
    this.#checkUsable(signal);
    const bytesTotal = this.#ids.reduce((sum, { layer }) => sum + this.#bytesOf(layer), 0);
    const report = () => onProgress?.(this.#diskBytes, bytesTotal);
    const fill = this.#runFill(signal);
    this.#fill = fill;
    this.#onFillProgress = report;
    try {
      report();
      return await fill;
    } finally {
      this.#fill = undefined;
      this.#onFillProgress = undefined;
    }
  }

  async readProfile(): Promise<Float32Array | undefined> {
    try {
      const profile = await this.#options.library?.readProfile();
      return profile?.length === this.#ids.length ? profile : undefined;
    } catch {
      return undefined; // it only saves time
    }
  }

  async writeProfile(profile: Float32Array): Promise<void> {
    assert(profile.length === this.#ids.length, 'a profile has one number for each expert');
    await this.#options.library?.writeProfile(profile).catch(() => undefined); // it only saves time
  }

  supplyStats(): TierStats {
    return {
      ramExperts: this.#ram.count,
      ramBytes: this.#ram.heldBytes,
      diskExperts: this.#onDisk.size,
      diskBytes: this.#diskBytes,
      bytesRead: { ...this.#bytesRead },
      loads: { ...this.#loads },
      readMs: this.#times.reading.totalMs,
      checksumMs: this.#times.checking.totalMs,
      bytesFilled: this.#bytesFilled,
      recordsRepaired: this.#recordsRepaired,
      notices: [...this.notices],
      queuedExperts: this.#writes.count,
      queuedBytes: this.#writes.heldBytes,
    };
  }

  /** Settles when all that was fetched so far is on disk, or cannot be. */
  settled(): Promise<void> {
    return this.#writes.settled();
  }

  /** Cancels what is under way (it rejects with 'disposed'), finishes the write that has begun, drops the rest. The store stays open. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    for (const { load } of this.#pending.values()) load.cancel();
    await this.#writes.stop();
    await this.#fill?.catch(() => undefined); // its caller has the error
    this.#ram.clear();
  }

  async #join(key: number, urgency: LoadUrgency, signal: AbortSignal | undefined): Promise<FetchedExpert> {
    this.#checkUsable(signal);
    let pending = this.#pending.get(key);
    if (!pending || pending.load.isCancelled) pending = this.#startLoad(key, urgency);
    else this.#queue.raise(pending.ticket, urgency);
    pending.joinCount++;
    try {
      return this.#handOut(await pending.load.join(signal));
    } catch (thrown) {
      throw this.#isDisposed ? disposed() : thrown;
    }
  }

  /** For a caller who holds the bytes already. */
  #handOut({ bytes, tier }: Loaded): FetchedExpert {
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#buffers.release(bytes);
      isHeld = false;
    };
    return { bytes, tier, release };
  }

  #keepInRam(key: number, bytes: Uint8Array): void {
    if (this.#ram.set(key, bytes)) this.#buffers.hold(bytes);
  }

  #startLoad(key: number, urgency: LoadUrgency): PendingLoad {
    const ticket: LoadTicket = { urgency };
    const load = new SharedLoad(async (cancellation) => {
      const loaded = await this.#queue.run(ticket, () => this.#load(key, ticket, cancellation), cancellation);
      const { bytes, tier } = loaded;
      if (ticket.urgency === 'fill') {
        if (tier === 'network') this.#bytesFilled += bytes.byteLength;
      } else if (!this.#isDisposed) {
        this.#bytesRead[tier] += bytes.byteLength;
        this.#loads[ticket.urgency]++;
        this.#keepInRam(key, bytes);
      }
      // From here on nobody can join, so all who have are known. One who gave up never releases: such bytes are left to the garbage collector.
      this.#forget(key, pending);
      for (let i = 0; i < pending.joinCount; i++) this.#buffers.hold(bytes);
      this.#buffers.release(bytes);
      return loaded;
    });
    const pending: PendingLoad = { load, ticket, joinCount: 0 };
    this.#pending.set(key, pending);
    void load.finished().then(() => this.#forget(key, pending));
    return pending;
  }

  #forget(key: number, pending: PendingLoad): void {
    if (this.#pending.get(key) === pending) this.#pending.delete(key);
  }

  /** Held once where the bytes are from `#buffers`. */
  async #load(key: number, ticket: LoadTicket, cancellation: Cancellation): Promise<Loaded> {
    const { layer, expert } = this.#idOf(key);
    let corruption: string | undefined;
    if (this.#onDisk.has(key)) {
      const read = await this.#readRecord({ layer, expert }, ticket);
      if (read.status === 'found') return { bytes: read.payload, tier: 'disk' };
      this.#noteOffDisk(key);
      if (read.status === 'corrupt') corruption = read.reason;
    }
    const { signal } = cancellation;
    throwIfAborted(signal);
    let bytes: Uint8Array;
    try {
      const importIt = () => this.#options.importExpert(layer, expert, signal);
      bytes = await (ticket.urgency === 'fill' ? importIt() : this.#times.reading.during(importIt));
    } catch (thrown) {
      if (corruption === undefined || signal.aborted) throw thrown;
      throw recordCorrupt(layer, expert, corruption, thrown);
    }
    assert(bytes.byteLength === this.#bytesOf(layer), `expert ${layer}/${expert} was imported with ${bytes.byteLength} bytes`);
    if (corruption !== undefined) this.#recordsRepaired++;
    if (this.#options.library) this.#writes.offer(key, bytes);
    return { bytes, tier: 'network' };
  }

  /** A store that does not answer counts as one that has lost the record. */
  async #readRecord(id: ExpertId, { urgency }: LoadTicket) {
    try {
      return await defined(this.#reader).read(id, urgency);
    } catch {
      return { status: 'missing' } as const;
    }
  }

  async #runFill(signal: AbortSignal | undefined): Promise<boolean> {
    const { library } = this.#options;
    if (!library) return false;
    for (let pass = 0; pass < FILL_MAX_PASSES && !this.#writes.isStopped && this.#onDisk.size < this.#ids.length; pass++) {
      await this.#fillPass(signal);
      await this.settled();
    }
    this.#checkUsable(signal);
    if (this.#onDisk.size < this.#ids.length) return false;
    try {
      return await library.markComplete();
    } catch (thrown) {
      this.#noteWriteFailure(thrown);
      return false;
    }
  }

  async #fillPass(signal: AbortSignal | undefined): Promise<void> {
    let next = 0;
    let hasFailed = false;
    const takeRun = () => {
      const run: number[] = [];
      let runBytes = 0;
      for (; next < this.#ids.length; next++) {
        if (this.#isStoredOrQueued(next)) continue;
        runBytes += this.#bytesOf(this.#idOf(next).layer);
        if (run.length > 0 && runBytes > FILL_RUN_MAX_BYTES) break;
        run.push(next);
      }
      return run;
    };
    const runLane = async () => {
      while (!hasFailed && !this.#writes.isStopped && next < this.#ids.length) {
        this.#checkUsable(signal);
        await allSettled(takeRun().map((key) => this.#fillOne(key, signal)));
      }
    };
    const lanes = Array.from({ length: FILL_LANE_COUNT }, () =>
      runLane().catch((thrown: unknown) => {
        hasFailed = true;
        throw thrown;
      }),
    );
    await allSettled(lanes);
  }

  async #fillOne(key: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isStoredOrQueued(key)) return;
    const sizeBytes = this.#bytesOf(this.#idOf(key).layer);
    await this.#writes.room(sizeBytes);
    const bytes = this.#ram.peek(key) ?? (await this.#join(key, 'fill', signal)).bytes;
    this.#buffers.hold(bytes); // for good: the queue does not say when it looks at them no more
    // The load has offered it already, and was declined if the queue filled up in the meantime.
    while (!this.#writes.isStopped && !this.#isStoredOrQueued(key) && !this.#writes.offer(key, bytes)) await this.#writes.room(sizeBytes);
  }

  #isStoredOrQueued(key: number): boolean {
    return this.#onDisk.has(key) || this.#writes.get(key) !== undefined;
  }

  #noteOnDisk(key: number): void {
    if (this.#onDisk.has(key)) return;
    this.#onDisk.add(key);
    this.#diskBytes += this.#bytesOf(this.#idOf(key).layer);
  }

  #noteOffDisk(key: number): void {
    if (this.#onDisk.delete(key)) this.#diskBytes -= this.#bytesOf(this.#idOf(key).layer);
  }

  #noteWriteFailure(thrown: unknown): void {
    const { message } = EngineError.from(thrown);
    this.notices.push(`${message} ${formatBytes(this.#diskBytes)} of experts are stored; the rest is read from the model file whenever it is needed.`);
  }

  #checkUsable(signal: AbortSignal | undefined): void {
    if (this.#isDisposed) throw disposed();
    throwIfAborted(signal);
  }

  #keyOf(layer: number, expert: number): number {
    assert(expert >= 0 && expert < (this.#options.expertCounts[layer] ?? 0), `there is no expert ${layer}/${expert}`);
    return defined(this.#firstOfLayer[layer]) + expert;
  }

  #idOf(key: number): ExpertId {
    return defined(this.#ids[key]);
  }

  #bytesOf(layer: number): number {
    return defined(this.#options.expertBytes[layer]);
  }
}

/** Rejects with the first failure in the order given, but not before all have ended. */
async function allSettled(work: ReadonlyArray<Promise<unknown>>): Promise<void> {
  const failure = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') throw failure.reason;
}

function disposed(): EngineError {
  return new EngineError('disposed', 'The engine was disposed.', 'Load the model again.');
}

function recordCorrupt(layer: number, expert: number, reason: string, cause: unknown): EngineError {
  return new EngineError(
    'record-corrupt',
    `The stored record of expert ${expert} of layer ${layer} is broken (${reason}), and the model file cannot be read to replace it.`,
    'Make the model file reachable again, then repeat the request.',
    cause,
  );
}
