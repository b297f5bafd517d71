// Ways to break what a page has stored of a model, in either store, and an engine so small in memory that it must read its experts from there again.

import * as Comlink from 'comlink';
import { inject } from 'vitest';
import { cdp } from 'vitest/browser';
import type { LoadOptions } from '../../src/core/api';
import { roundUp } from '../../src/core/units';
import { FILE_HEAD_BYTES, PLACE_PREFIX_BYTES } from '../../src/storage/opfs-layer-file';
import { RECORD_HEADER_BYTES } from '../../src/storage/record';
import { Engine } from '../../src/worker/client';
import { unwrap } from '../../src/worker/protocol';
import { answerOf } from './page-engine';
import type { StoreWorkerApi } from './store-worker';

export type DiskStore = 'opfs' | 'indexeddb';

const DATABASE = 'sluice';
/** A model of 4 layers of 16 experts, two a token, from another server. */
export const MODEL_URL = `${inject('modelServer').origin}/wide.gguf`;
export const EXPERTS_PER_LAYER = 16;
export const EXPERTS = 4 * EXPERTS_PER_LAYER;
const EXPERT_BYTES = 3 * 64 * 64 * 4;
const PLACE_BYTES = roundUp(PLACE_PREFIX_BYTES + RECORD_HEADER_BYTES + EXPERT_BYTES, 4096);
/** Less than the experts need. */
export const SCARCE_BYTES = 1_500_000;

/** A tenth of the experts on the GPU and none in RAM: each token reads experts from below. */
export function loadSmall(store: DiskStore | 'memory', options: LoadOptions = {}): Promise<Engine> {
  return Engine.load(MODEL_URL, { backend: 'cpu', store, budget: { gpuBytes: '10%', ramBytes: 0 }, ...options });
}

const PROMPT = Array.from({ length: 16 }, (_, i) => 5 + ((37 * i) % 250));
export const storyOf = (engine: Engine): Promise<number[]> => answerOf(engine, PROMPT, 6);

/** What it must be: that of a model with nothing on disk and everything on the GPU. */
export async function soundStory(): Promise<number[]> {
  const engine = await loadSmall('memory', { budget: { gpuBytes: '100%' } });
  const story = await storyOf(engine);
  await engine.dispose();
  return story;
}

export async function untilStored(engine: Engine, expertCount = EXPERTS): Promise<void> {
  await until(async () => (await engine.stats()).expertsHeld.disk >= expertCount, `${expertCount} experts on disk`);
}

export async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came to this: ${what}`);
}

export async function modelId(): Promise<string> {
  const found = (await Engine.storedModels()).find(({ source }) => source === MODEL_URL);
  if (!found) throw new Error('the model is not stored');
  return found.id;
}

/** Changes one byte in the middle of the payload of each of these experts. */
export function corrupt(store: DiskStore, layer: number, experts: readonly number[]): Promise<void> {
  const middle = RECORD_HEADER_BYTES + EXPERT_BYTES / 2;
  if (store === 'opfs') return flipBytes(layer, experts, PLACE_PREFIX_BYTES + middle);
  return changeRecords(layer, experts, async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    bytes[middle]! ^= 0x10;
    return new Blob([bytes]);
  });
}

/** In OPFS a place without its magic is empty. */
export function remove(store: DiskStore, layer: number, experts: readonly number[]): Promise<void> {
  return store === 'opfs' ? flipBytes(layer, experts, 0) : changeRecords(layer, experts, async () => undefined);
}

/** What the browser does when it needs room, or the user clears site data. */
export async function clearSiteData(): Promise<void> {
  await cdp().send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb,file_systems' });
}

/** Chromium remembers the room left as long as the site's databases are open, so all of them are cleared before and after. */
export async function withQuota(quotaSize: number, body: () => Promise<void>): Promise<void> {
  await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize });
  await clearSiteData();
  try {
    await body();
  } finally {
    await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin });
    await clearSiteData();
  }
}

/** For `watchWorkers`: a network that is cut and mended by messages on the channel "network". */
export const CUT_NETWORK_ON_MESSAGE = `
  const request = globalThis.fetch;
  let isCut = false;
  new BroadcastChannel('network').onmessage = ({ data }) => (isCut = data === 'cut');
  globalThis.fetch = (...words) => (isCut ? Promise.reject(new TypeError('Failed to fetch')) : request(...words));`;

async function flipBytes(layer: number, experts: readonly number[], at: number): Promise<void> {
  const model = await modelId();
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' });
  const api = Comlink.wrap<StoreWorkerApi>(worker);
  for (const expert of experts) unwrap(await api.flipByte(DATABASE, model, layer, FILE_HEAD_BYTES + expert * PLACE_BYTES + at));
  worker.terminate();
}

async function changeRecords(layer: number, experts: readonly number[], change: (blob: Blob) => Promise<Blob | undefined>): Promise<void> {
  const model = await modelId();
  const database = await settled(indexedDB.open(DATABASE));
  for (const expert of experts) {
    const key = `${model}/expert/${layer}/${expert}`;
    const found: unknown = await settled(database.transaction('records').objectStore('records').get(key));
    if (!(found instanceof Blob)) throw new Error(`there is no record ${key}`);
    const changed = await change(found);
    const records = database.transaction('records', 'readwrite').objectStore('records');
    await (changed ? settled(records.put(changed, key)) : settled(records.delete(key)));
  }
  database.close();
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('request failed')));
  });
}
