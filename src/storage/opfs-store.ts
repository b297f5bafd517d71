// Experts in the origin private file system, one file per layer; everything else, and experts that do not fit their layer's file, in a second store (IndexedDB).
// Works in dedicated workers alone. Experts that the second store has from earlier visits are found there.
//
// Reads are synchronous and go into memory of the caller's: on a warm page cache that is several GB/s, while new memory for each read costs ten times as much
// in page faults alone (DESIGN measured 12-16 against 0.4-1.5 GB/s).

import { EngineError } from '../core/errors';
import { type HandleMode, OpfsFiles } from './opfs-files';
import { type Allocate, type RecordStore, allocateNew } from './record-store';
import { storageError } from './storage-error';

interface ExpertKey {
  readonly model: string;
  readonly layer: number;
  readonly expert: number;
}

/** An index into the arguments of a call, with what its key says. */
interface Place extends ExpertKey {
  readonly index: number;
}

export class OpfsStore implements RecordStore {
  readonly kind = 'opfs';
  /** The browser lets nobody else write to a file while it is open here, except other tabs of this library. */
  readonly isGuarded = true;
  readonly #files: OpfsFiles;
  readonly #rest: RecordStore;
  #isClosed = false;

  /** `rest` is closed with this store. */
  constructor(directory: FileSystemDirectoryHandle, rest: RecordStore, mode?: HandleMode) {
    this.#files = new OpfsFiles(directory, mode);
    this.#rest = rest;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0];
  }

  async getMany(keys: readonly string[], allocate: Allocate = allocateNew): Promise<ReadonlyArray<Uint8Array | undefined>> {
    const found: Array<Uint8Array | undefined> = Array.from({ length: keys.length });
    for (const places of byLayer(keys)) {
      const { model, layer } = places[0]!;
      const experts = places.map(({ expert }) => expert);
      const records = await this.#use(() => this.#files.read(model, layer, experts, allocate));
      records.forEach((record, i) => (found[places[i]!.index] = record));
    }
    const missing = keys.flatMap((_, index) => (found[index] ? [] : [index]));
    if (missing.length === 0 && keys.length > 0) return found;
    const rest = await this.#use(() => this.#rest.getMany(missing.map((index) => keys[index]!)));
    missing.forEach((index, i) => (found[index] = rest[i]));
    return found;
  }

  async putMany(entries: ReadonlyArray<readonly [key: string, bytes: Uint8Array]>): Promise<void> {
    const latest = [...new Map(entries)];
    const misfits: Place[] = [];
    const groups = byLayer(latest.map(([key]) => key));
    const rest = new Set(latest.keys());
    for (const places of groups) {
      const { model, layer } = places[0]!;
      const records = places.map(({ expert, index }) => [expert, latest[index]![1]] as const);
      const misfitting = await this.#use(() => this.#files.write(model, layer, records));
      misfits.push(...misfitting.map((i) => places[i]!));
      for (const { index } of places) rest.delete(index);
    }
    for (const { index, model, layer, expert } of misfits) {
      rest.add(index);
      await this.#use(() => this.#files.clear(model, layer, [expert]));
    }
    await this.#use(() => this.#rest.putMany([...rest].map((index) => latest[index]!)));
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    for (const places of byLayer(keys)) {
      const { model, layer } = places[0]!;
      const experts = places.map(({ expert }) => expert);
      await this.#use(() => this.#files.clear(model, layer, experts));
    }
    await this.#use(() => this.#rest.deleteMany(keys));
  }

  async deletePrefix(prefix: string): Promise<void> {
    const model = /^([^/]+)\/$/.exec(prefix)?.[1];
    if (model === undefined) return this.deleteMany(await this.keys(prefix));
    await this.#use(() => this.#files.remove(model));
    await this.#use(() => this.#rest.deletePrefix(prefix));
  }

  async keys(prefix: string): Promise<string[]> {
    const keys = new Set(await this.#use(() => this.#rest.keys(prefix)));
    const slash = prefix.indexOf('/');
    const models = await this.#use(() => (slash === -1 ? this.#files.models() : Promise.resolve([prefix.slice(0, slash)])));
    for (const model of models) {
      if (!isStartOfEither(`${model}/expert/`, prefix)) continue;
      for (const layer of await this.#use(() => this.#files.layers(model))) {
        if (!isStartOfEither(`${model}/expert/${layer}/`, prefix)) continue;
        for (const expert of await this.#use(() => this.#files.experts(model, layer))) keys.add(`${model}/expert/${layer}/${expert}`);
      }
    }
    return [...keys].filter((key) => key.startsWith(prefix)).sort();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#files.close(), this.#rest.close()]);
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new EngineError('disposed', 'The store was closed.', 'Load the model again.');
    try {
      return await work();
    } catch (thrown) {
      throw storageError(thrown, 'file system (OPFS)');
    }
  }
}

/** Keys of experts, one list for each layer, in the order of their first key. */
function byLayer(keys: readonly string[]): Place[][] {
  const layers = new Map<string, Place[]>();
  keys.forEach((key, index) => {
    const parsed = parseExpertKey(key);
    if (!parsed) return;
    const name = `${parsed.model}/${parsed.layer}`;
    const places = layers.get(name) ?? [];
    places.push({ ...parsed, index });
    layers.set(name, places);
  });
  return [...layers.values()];
}

function parseExpertKey(key: string): ExpertKey | undefined {
  const [, model, layer, expert] = /^([0-9A-Za-z_-]+)\/expert\/(0|[1-9]\d{0,4})\/(0|[1-9]\d{0,4})$/.exec(key) ?? [];
  return model === undefined ? undefined : { model, layer: Number(layer), expert: Number(expert) };
}

/** One of the two begins with the other: there can be keys that begin with both. */
function isStartOfEither(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}
