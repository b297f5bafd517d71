// Records in this process's memory: for Node, for browsers without IndexedDB, and for tests. Gone when the page is.

import { EngineError } from '../core/errors';
import { formatBytes, MiB } from '../core/units';
import { type Allocate, type RecordStore, allocateNew } from './record-store';

/** What a page without a disk may hold twice (records here, experts in the RAM tier) without being killed by the browser. */
const DEFAULT_CAPACITY_BYTES = 512 * MiB;

export class MemoryStore implements RecordStore {
  readonly kind = 'memory';
  readonly isGuarded = true;
  readonly #records = new Map<string, Uint8Array>();
  readonly #capacityBytes: number;
  #heldBytes = 0;
  #isClosed = false;

  constructor(capacityBytes = DEFAULT_CAPACITY_BYTES) {
    this.#capacityBytes = capacityBytes;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.#records.get(key)?.slice();
  }

  async getMany(keys: readonly string[], allocate: Allocate = allocateNew): Promise<ReadonlyArray<Uint8Array | undefined>> {
    this.#checkOpen();
    return keys.map((key) => {
      const record = this.#records.get(key);
      if (!record) return undefined;
      const copy = allocate(record.byteLength);
      copy.set(record);
      return copy;
    });
  }

  async putMany(entries: ReadonlyArray<readonly [key: string, bytes: Uint8Array]>): Promise<void> {
    this.#checkOpen();
    const latest = new Map(entries);
    let heldBytes = this.#heldBytes;
    for (const [key, bytes] of latest) heldBytes += bytes.byteLength - (this.#records.get(key)?.byteLength ?? 0);
    if (heldBytes > this.#capacityBytes) {
      throw new EngineError(
        'storage-quota',
        `The store in memory is full: it holds at most ${formatBytes(this.#capacityBytes)}.`,
        'Experts that do not fit are read from the model file again when they are needed.',
      );
    }
    for (const [key, bytes] of latest) this.#records.set(key, bytes.slice());
    this.#heldBytes = heldBytes;
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    this.#checkOpen();
    for (const key of keys) {
      this.#heldBytes -= this.#records.get(key)?.byteLength ?? 0;
      this.#records.delete(key);
    }
  }

  async deletePrefix(prefix: string): Promise<void> {
    await this.deleteMany(await this.keys(prefix));
  }

  async keys(prefix: string): Promise<string[]> {
    this.#checkOpen();
    return [...this.#records.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#records.clear();
    this.#heldBytes = 0;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new EngineError('disposed', 'The store was closed.', 'Load the model again.');
  }
}
