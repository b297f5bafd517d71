// Expert records on their way to the store. Writing never holds up a token: `offer` takes a record or declines it at once; who can wait, waits for `room`.
// While one batch is written the next one gathers, so batches grow with the speed of the source. After the first failure nothing is written any more.

import { assert } from '../core/assert';
import { MiB } from '../core/units';

/** Bytes that wait for the store, at most (one record more when it alone is larger). */
export const WRITE_QUEUE_MAX_BYTES = 64 * MiB;

/** Bytes written in one transaction, at most (or one record). */
const WRITE_BATCH_MAX_BYTES = 8 * MiB;

type Entry = readonly [key: number, bytes: Uint8Array];

export interface WriteQueueEvents {
  /** Writes in one transaction. */
  readonly write: (batch: readonly Entry[]) => Promise<void>;
  readonly onWritten: (batch: readonly Entry[]) => void;
  /** The queue has stopped. */
  readonly onFailed: (thrown: unknown) => void;
}

export class WriteQueue {
  readonly #events: WriteQueueEvents;
  readonly #maxBytes: number;
  /** In the order of arrival; the batch being written is at the front. */
  readonly #waiting = new Map<number, Uint8Array>();
  #waitingBytes = 0;
  #isStopped = false;
  #worker: Promise<void> | undefined;
  #roomWaiters: Array<() => void> = [];

  constructor(events: WriteQueueEvents, maxBytes = WRITE_QUEUE_MAX_BYTES) {
    this.#events = events;
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#waitingBytes;
  }

  get count(): number {
    return this.#waiting.size;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** A record that is still on its way. */
  get(key: number): Uint8Array | undefined {
    return this.#waiting.get(key);
  }

  /** False when there is no room or writing has stopped; the record is then not kept. */
  offer(key: number, bytes: Uint8Array): boolean {
    if (this.#isStopped || !this.#hasRoom(bytes.byteLength)) return false;
    assert(!this.#waiting.has(key), 'a record is queued once');
    this.#waiting.set(key, bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#worker ??= this.#run();
    return true;
  }

  /** Settles when a record of this size might be taken, or writing has stopped. */
  async room(sizeBytes: number): Promise<void> {
    while (!this.#isStopped && !this.#hasRoom(sizeBytes)) await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Settles when nothing waits any more. */
  async settled(): Promise<void> {
    while (this.#worker) await this.#worker;
  }

  /** Drops what waits; the batch being written is finished. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wakeRoomWaiters();
    await this.settled();
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what is offered in the same turn goes into the first batch
    while (!this.#isStopped && this.#waiting.size > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#events.write(batch);
      } catch (thrown) {
        this.#isStopped = true;
        this.#events.onFailed(thrown);
        break;
      }
      for (const [key, bytes] of batch) {
        this.#waiting.delete(key);
        this.#waitingBytes -= bytes.byteLength;
      }
      this.#events.onWritten(batch);
      this.#wakeRoomWaiters();
    }
    if (this.#isStopped) {
      this.#waiting.clear();
      this.#waitingBytes = 0;
      this.#wakeRoomWaiters();
    }
    this.#worker = undefined;
  }

  #nextBatch(): Entry[] {
    const batch: Entry[] = [];
    let batchBytes = 0;
    for (const [key, bytes] of this.#waiting) {
      batchBytes += bytes.byteLength;
      if (batch.length > 0 && batchBytes > WRITE_BATCH_MAX_BYTES) break;
      batch.push([key, bytes]);
    }
    return batch;
  }

  #hasRoom(sizeBytes: number): boolean {
    return this.#waiting.size === 0 || this.#waitingBytes + sizeBytes <= this.#maxBytes;
  }

  #wakeRoomWaiters(): void {
    for (const wake of this.#roomWaiters.splice(0)) wake();
  }
}
