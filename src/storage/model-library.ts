// One stored model: its manifest, the header of its file (so that a load without a network can read what the model is), trunk and experts as records.
//
// Keys: `manifest/${modelId}`, apart so that the models can be listed without touching their records, and `${modelId}/header`, `${modelId}/trunk/${name}`,
// `${modelId}/expert/${layer}/${expert}`, `${modelId}/profile`. Nothing read back is trusted: a broken manifest deletes the model, a broken record itself.
//
// Two locks for each model let tabs share it. `${modelId}/manifest` is held while a manifest is made, changed or deleted; `${modelId}/in-use`, shared, for as
// long as a tab has the model open. Only who has both deletes.

import { assert } from '../core/assert';
import type { BusyTime } from './busy-time';
import { EngineError } from '../core/errors';
import { exclusively, ifNobodyHolds, share } from './locks';
import { decodeManifest, encodeManifest } from './manifest';
import type { ModelManifest, StoredLayout } from './manifest';
import { decodeRecord, encodeRecord, isModelId } from './record';
import type { RecordAddress } from './record';
import type { Allocate, RecordStore } from './record-store';

export const MANIFEST_PREFIX = 'manifest/';

export interface ExpertId {
  readonly layer: number;
  readonly expert: number;
}

/** 'missing' and 'corrupt': the record is gone from the store now. */
export type RecordRead =
  { readonly status: 'found'; readonly payload: Uint8Array } | { readonly status: 'missing' } | { readonly status: 'corrupt'; readonly reason: string };

export interface ReadOptions {
  /** Where the time of reading goes. */
  readonly times?: { readonly reading: BusyTime; readonly checking: BusyTime };
  readonly allocate?: Allocate;
}

export class ModelLibrary {
  readonly modelId: string;
  readonly #store: RecordStore;
  /** Keys of records whose checksum was found right, where that holds for the whole visit. */
  readonly #checked = new Set<string>();
  #manifest: ModelManifest | undefined;
  #leave: (() => void) | undefined;

  private constructor(store: RecordStore, modelId: string, manifest: ModelManifest | undefined) {
    this.modelId = modelId;
    this.#store = store;
    this.#manifest = manifest;
  }

  /**
   * What is stored of a model, perhaps nothing, to be used until `close`. Records whose manifest is missing, broken or of another layout are deleted; when a tab
   * with another version of this library uses them, EngineError 'storage-unavailable'. `prepare` writes the manifest if there is to be one.
   */
  static async open(
    store: RecordStore,
    modelId: string,
    layoutVersion: string,
    prepare: (library: ModelLibrary) => Promise<void> = async () => {},
  ): Promise<ModelLibrary> {
    assert(isModelId(modelId), `${modelId} is not a model id`);
    return exclusively(manifestLock(store, modelId), async () => {
      const bytes = await store.get(MANIFEST_PREFIX + modelId);
      const manifest = bytes && decodeManifest(bytes);
      const library = new ModelLibrary(store, modelId, manifest);
      if (manifest?.layout.version !== layoutVersion && (bytes || (await store.keys(`${modelId}/`)).length > 0)) {
        const deletion = await ifNobodyHolds(useLock(store, modelId), () => library.#deleteAll());
        if (!deletion) throw inUse();
      }
      await prepare(library);
      await library.markInUse();
      return library;
    });
  }

  /** Keeps others from deleting the model, until `close` or the end of the tab. */
  async markInUse(): Promise<void> {
    this.#leave ??= await share(useLock(this.#store, this.modelId));
  }

  /** The store stays open. */
  close(): void {
    this.#leave?.();
    this.#leave = undefined;
  }

  /** Rejects with 'storage-unavailable' while the model is open, here or in another tab. `before` deletes what `store` does not reach. */
  static async delete(store: RecordStore, modelId: string, before: () => Promise<void> = async () => {}): Promise<void> {
    assert(isModelId(modelId), `${modelId} is not a model id`);
    const library = new ModelLibrary(store, modelId, undefined);
    const deleteIt = () => before().then(() => library.#deleteAll());
    const deletion = await exclusively(manifestLock(store, modelId), () => ifNobodyHolds(useLock(store, modelId), deleteIt));
    if (!deletion) throw inUse();
  }

  /** The model that was stored from a source of this name: a complete one if there is one, else the last used. */
  static async findBySource(store: RecordStore, sourceName: string, layoutVersion: string): Promise<ModelLibrary | undefined> {
    const keys = (await store.keys(MANIFEST_PREFIX)).filter((key) => isModelId(key.slice(MANIFEST_PREFIX.length)));
    const stored = await store.getMany(keys);
    const matches = keys
      .map((key, index) => ({ modelId: key.slice(MANIFEST_PREFIX.length), manifest: stored[index] && decodeManifest(stored[index]) }))
      .filter(({ manifest }) => manifest?.sourceName === sourceName && manifest.layout.version === layoutVersion);
    matches.sort((a, b) => Number(b.manifest?.complete) - Number(a.manifest?.complete) || (b.manifest?.lastUsedAt ?? 0) - (a.manifest?.lastUsedAt ?? 0));
    const best = matches[0];
    return best && new ModelLibrary(store, best.modelId, best.manifest);
  }

  /** Undefined when nothing is stored yet. Records can be read and written only with a manifest. */
  get manifest(): ModelManifest | undefined {
    return this.#manifest;
  }

  async writeManifest(manifest: ModelManifest): Promise<void> {
    await this.#store.putMany([[MANIFEST_PREFIX + this.modelId, encodeManifest(manifest)]]);
    this.#manifest = manifest;
  }

  /** Marks the model as complete if every record is there. False when some are not. */
  async markComplete(): Promise<boolean> {
    const manifest = this.#manifest;
    if (!manifest || !(await this.#isComplete(manifest.layout))) return false;
    if (!manifest.complete) await exclusively(manifestLock(this.#store, this.modelId), () => this.writeManifest({ ...manifest, complete: true }));
    return true;
  }

  async writeSourceHeader(bytes: Uint8Array): Promise<void> {
    await this.#write([[{ kind: 'source-header', modelId: this.modelId }, bytes]]);
  }

  /** The first bytes of the model file, as many as were written. */
  async readSourceHeader(): Promise<RecordRead> {
    const [read] = await this.#read([[{ kind: 'source-header', modelId: this.modelId }, undefined]]);
    return read!;
  }

  /** In one transaction. */
  async writeTrunk(pieces: ReadonlyArray<readonly [name: string, payload: Uint8Array]>): Promise<void> {
    await this.#write(pieces.map(([name, payload]) => [{ kind: 'trunk', modelId: this.modelId, name }, payload]));
  }

  /** In the order of the names, in one transaction. */
  async readTrunk(names: readonly string[]): Promise<readonly RecordRead[]> {
    const sizes = new Map(this.#layout().trunk.map(({ name, sizeBytes }) => [name, sizeBytes]));
    return this.#read(names.map((name) => [{ kind: 'trunk', modelId: this.modelId, name }, sizes.get(name)]));
  }

  /** Names of the pieces that have a record, sound or not. */
  async storedTrunk(): Promise<Set<string>> {
    const prefix = `${this.modelId}/trunk/`;
    return new Set((await this.#store.keys(prefix)).map((key) => key.slice(prefix.length)));
  }

  /** In one transaction. */
  async writeExperts(experts: ReadonlyArray<readonly [expert: ExpertId, payload: Uint8Array]>): Promise<void> {
    await this.#write(experts.map(([{ layer, expert }, payload]) => [{ kind: 'expert', modelId: this.modelId, layer, expert }, payload]));
  }

  /** In the order of the experts, in one transaction. */
  async readExperts(experts: readonly ExpertId[], options?: ReadOptions): Promise<readonly RecordRead[]> {
    const { expertBytes } = this.#layout();
    return this.#read(
      experts.map(({ layer, expert }) => [{ kind: 'expert', modelId: this.modelId, layer, expert }, expertBytes[layer]]),
      options,
    );
  }

  /** The experts that have a record, sound or not, in the order of the keys. */
  async storedExperts(): Promise<ExpertId[]> {
    const { expertCounts } = this.#layout();
    const prefix = `${this.modelId}/expert/`;
    const experts: ExpertId[] = [];
    for (const key of await this.#store.keys(prefix)) {
      const [, layer, expert] = /^(\d{1,9})\/(\d{1,9})$/.exec(key.slice(prefix.length)) ?? [];
      const id = { layer: Number(layer), expert: Number(expert) };
      if (id.expert < (expertCounts[id.layer] ?? 0)) experts.push(id);
    }
    return experts;
  }

  /** How much each expert was used, in file order; undefined when there is none that is sound. */
  async readProfile(): Promise<Float32Array | undefined> {
    const [read] = await this.#read([[{ kind: 'profile', modelId: this.modelId }, undefined]]);
    if (read?.status !== 'found' || read.payload.byteLength % Float32Array.BYTES_PER_ELEMENT !== 0) return undefined;
    return new Float32Array(read.payload.slice().buffer);
  }

  async writeProfile(profile: Float32Array): Promise<void> {
    await this.#write([[{ kind: 'profile', modelId: this.modelId }, new Uint8Array(profile.buffer, profile.byteOffset, profile.byteLength)]]);
  }

  async #deleteAll(): Promise<void> {
    // The manifest goes first: records without one are dropped on the next open, a manifest without records would promise what is not there.
    await this.#store.deleteMany([MANIFEST_PREFIX + this.modelId]);
    await this.#store.deletePrefix(`${this.modelId}/`);
    this.#manifest = undefined;
  }

  #layout(): StoredLayout {
    assert(this.#manifest, 'a library without a manifest has no records');
    return this.#manifest.layout;
  }

  async #isComplete(layout: StoredLayout): Promise<boolean> {
    const expertTotal = layout.expertCounts.reduce((sum, count) => sum + count, 0);
    if ((await this.storedExperts()).length < expertTotal) return false;
    const trunk = await this.storedTrunk();
    return layout.trunk.every(({ name }) => trunk.has(name)) && (await this.#store.keys(`${this.modelId}/header`)).length > 0;
  }

  async #write(records: ReadonlyArray<readonly [RecordAddress, Uint8Array]>): Promise<void> {
    this.#layout();
    for (const [address] of records) this.#checked.delete(keyOf(address));
    await this.#store.putMany(records.map(([address, payload]) => [keyOf(address), encodeRecord(address, payload)]));
  }

  async #read(wanted: ReadonlyArray<readonly [RecordAddress, number | undefined]>, { times, allocate }: ReadOptions = {}): Promise<readonly RecordRead[]> {
    const keys = wanted.map(([address]) => keyOf(address));
    const getMany = () => this.#store.getMany(keys, allocate);
    const stored = await (times ? times.reading.during(getMany) : getMany());
    const broken: string[] = [];
    times?.checking.begin();
    const reads = wanted.map(([address, payloadBytes], index): RecordRead => {
      const record = stored[index];
      if (!record) return { status: 'missing' };
      const key = keys[index]!;
      const decoded = decodeRecord(record, address, payloadBytes, this.#checked.has(key));
      if (decoded.ok) {
        if (this.#store.isGuarded) this.#checked.add(key);
        return { status: 'found', payload: decoded.payload };
      }
      broken.push(key);
      return { status: 'corrupt', reason: decoded.reason };
    });
    times?.checking.end();
    if (broken.length > 0) await this.#store.deleteMany(broken).catch(() => undefined); // a store that cannot delete is no reason to lose the sound ones
    return reads;
  }
}

function keyOf(address: RecordAddress): string {
  switch (address.kind) {
    case 'expert':
      return `${address.modelId}/expert/${address.layer}/${address.expert}`;
    case 'trunk':
      return `${address.modelId}/trunk/${address.name}`;
    case 'source-header':
      return `${address.modelId}/header`;
    case 'profile':
      return `${address.modelId}/profile`;
  }
}

/** Undefined for a store that no other tab sees. */
function manifestLock({ kind }: RecordStore, modelId: string): string | undefined {
  return kind === 'memory' ? undefined : `sluice/${modelId}/manifest`;
}

function useLock({ kind }: RecordStore, modelId: string): string | undefined {
  return kind === 'memory' ? undefined : `sluice/${modelId}/in-use`;
}

function inUse(): EngineError {
  return new EngineError('storage-unavailable', 'The stored model is open, here or in another tab of this site.', 'Close it there, then try again.');
}
