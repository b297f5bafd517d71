// Where bytes rest between visits: one interface, one test-suite, several implementations (IndexedDB, OPFS, memory).
// Keys are strings chosen by the caller (src/storage/model-library.ts): `manifest/${modelId}`, `${modelId}/trunk/${name}`, `${modelId}/expert/${layer}/${expert}`.

/** Memory to read into, of exactly this size. Its contents do not matter. */
export type Allocate = (sizeBytes: number) => Uint8Array;

export const allocateNew: Allocate = (sizeBytes) => new Uint8Array(sizeBytes);

export type StoreKind = 'opfs' | 'indexeddb' | 'memory';

export interface RecordStore {
  readonly kind: StoreKind;
  /** While the store is open, nothing but this library can change its records: what was sound once needs no second check. */
  readonly isGuarded: boolean;
  /** Undefined when there is no such record. The bytes are the caller's to keep. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** In one transaction; the order of results is that of keys. Stores that can, read into what `allocate` gives (a record may be a part of it). */
  getMany(keys: readonly string[], allocate?: Allocate): Promise<ReadonlyArray<Uint8Array | undefined>>;
  /** All or nothing; if the tab dies, each expert's record is whole or absent. Rejects with EngineError 'storage-quota' when there is no room. */
  putMany(entries: ReadonlyArray<readonly [key: string, bytes: Uint8Array]>): Promise<void>;
  deleteMany(keys: readonly string[]): Promise<void>;
  /** Deletes the keys that start with the prefix, and gives their room back. */
  deletePrefix(prefix: string): Promise<void>;
  /** Keys that start with the prefix, sorted. */
  keys(prefix: string): Promise<string[]>;
  close(): Promise<void>;
}
