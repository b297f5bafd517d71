// One stored model: its manifest, the header of its file (so that a load without a network can read what the model is), trunk and experts as records.
//
// Keys: `manifest/${modelId}`, apart so that the models can be listed without touching their records, and `${modelId}/header`, `${modelId}/trunk/${name}`,
// `${modelId}/expert/${layer}/${expert}`. Nothing read back is trusted: a broken manifest deletes the model, a broken record deletes itself.

import { assert } from '../core/assert';
import type { BusyTime } from './busy-time';
import { decodeManifest, encodeManifest } from './manifest';
import type { ModelManifest, StoredLayout } from './manifest';
import { decodeRecord, encodeRecord, isModelId } from './record';
import type { RecordAddress } from './record';
import type { RecordStore } from './record-store';

const MANIFEST_PREFIX = 'manifest/';

export interface ExpertId {
  readonly layer: number;
  readonly expert: number;
}

/** 'missing' and 'corrupt': the record is gone from the store now. */
export type RecordRead =
  { readonly status: 'found'; readonly payload: Uint8Array } | { readonly status: 'missing' } | { readonly status: 'corrupt'; readonly reason: string };

/** Where the time of reading goes. */
export interface ReadTimes {
  readonly reading: BusyTime;
  readonly checking: BusyTime;
}

export class ModelLibrary {
  readonly modelId: string;
  readonly #store: RecordStore;
  #manifest: ModelManifest | undefined;

  private constructor(store: RecordStore, modelId: string, manifest: ModelManifest | undefined) {
    this.modelId = modelId;
    this.#store = store;
    this.#manifest = manifest;
  }

  /** What is stored of a model, perhaps nothing. Records whose manifest is missing, broken or of another layout are deleted. */
  static async open(store: RecordStore, modelId: string, layoutVersion: string): Promise<ModelLibrary> {
    assert(isModelId(modelId), `${modelId} is not a model id`);
    const bytes = await store.get(MANIFEST_PREFIX + modelId);
    const manifest = bytes && decodeManifest(bytes);
    const library = new ModelLibrary(store, modelId, manifest);
    if (manifest?.layout.version !== layoutVersion) await library.deleteAll();
    return library;
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
    if (!manifest.complete) await this.writeManifest({ ...manifest, complete: true });
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

  /** In one transaction. */
  async writeExperts(experts: ReadonlyArray<readonly [expert: ExpertId, payload: Uint8Array]>): Promise<void> {
    await this.#write(experts.map(([{ layer, expert }, payload]) => [{ kind: 'expert', modelId: this.modelId, layer, expert }, payload]));
  }

  /** In the order of the experts, in one transaction. */
  async readExperts(experts: readonly ExpertId[], times?: ReadTimes): Promise<readonly RecordRead[]> {
    const { expertBytes } = this.#layout();
    return this.#read(
      experts.map(({ layer, expert }) => [{ kind: 'expert', modelId: this.modelId, layer, expert }, expertBytes[layer]]),
      times,
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

  async deleteAll(): Promise<void> {
    const keys = await this.#store.keys(`${this.modelId}/`);
    // The manifest goes first: records without one are dropped on the next open, a manifest without records would promise what is not there.
    await this.#store.deleteMany([MANIFEST_PREFIX + this.modelId, ...keys]);
    this.#manifest = undefined;
  }

  #layout(): StoredLayout {
    assert(this.#manifest, 'a library without a manifest has no records');
    return this.#manifest.layout;
  }

  async #isComplete(layout: StoredLayout): Promise<boolean> {
    const expertTotal = layout.expertCounts.reduce((sum, count) => sum + count, 0);
    if ((await this.storedExperts()).length < expertTotal) return false;
    const keys = new Set([...(await this.#store.keys(`${this.modelId}/trunk/`)), ...(await this.#store.keys(`${this.modelId}/header`))]);
    const wanted: RecordAddress[] = layout.trunk.map(({ name }) => ({ kind: 'trunk', modelId: this.modelId, name }));
    return [...wanted, { kind: 'source-header', modelId: this.modelId } as const].every((address) => keys.has(keyOf(address)));
  }

  async #write(records: ReadonlyArray<readonly [RecordAddress, Uint8Array]>): Promise<void> {
    this.#layout();
    await this.#store.putMany(records.map(([address, payload]) => [keyOf(address), encodeRecord(address, payload)]));
  }

  async #read(wanted: ReadonlyArray<readonly [RecordAddress, number | undefined]>, times?: ReadTimes): Promise<readonly RecordRead[]> {
    const getMany = () => this.#store.getMany(wanted.map(([address]) => keyOf(address)));
    const stored = await (times ? times.reading.during(getMany) : getMany());
    const broken: string[] = [];
    times?.checking.begin();
    const reads = wanted.map(([address, payloadBytes], index): RecordRead => {
      const record = stored[index];
      if (!record) return { status: 'missing' };
      const decoded = decodeRecord(record, address, payloadBytes);
      if (decoded.ok) return { status: 'found', payload: decoded.payload };
      broken.push(keyOf(address));
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
  }
}
