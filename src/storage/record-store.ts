// Where bytes rest between visits: one interface, one test-suite, several implementations (IndexedDB, memory).
// Keys are strings chosen by the caller (src/storage/model-library.ts): `manifest/${modelId}`, `${modelId}/trunk/${name}`, `${modelId}/expert/${layer}/${expert}`.

export interface RecordStore {
  readonly kind: 'indexeddb' | 'memory';
  /** Undefined when there is no such record. The bytes are the caller's to keep. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** In one transaction; the order of results is that of keys. */
  getMany(keys: readonly string[]): Promise<ReadonlyArray<Uint8Array | undefined>>;
  /** All or nothing. Rejects with EngineError 'storage-quota' when there is no room. */
  putMany(entries: ReadonlyArray<readonly [key: string, bytes: Uint8Array]>): Promise<void>;
  deleteMany(keys: readonly string[]): Promise<void>;
  /** Keys that start with the prefix. */
  keys(prefix: string): Promise<string[]>;
  close(): Promise<void>;
}
