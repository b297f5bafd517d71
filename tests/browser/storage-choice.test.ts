// Which store a load takes, and what it tells about it. A tiny model, since nothing here depends on what it says.

import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { LoadOptions } from '../../src/core/api';
import { Engine } from '../../src/worker/client';
import { clearSiteData } from '../support/fault-lab';
import { expectEngineError } from '../support/expect-engine-error';
import { answerOf, loadTiny } from '../support/page-engine';
import { watchWorkers } from '../support/page-workers';

beforeEach(clearSiteData);
afterEach(() => vi.restoreAllMocks());

/** From an address: a file would be another one each time. */
const load = (options: LoadOptions) => Engine.load(`${inject('modelServer').origin}/good.gguf`, { backend: 'cpu', ...options });

async function storageOf(options: LoadOptions, prelude = '') {
  const workers = watchWorkers(prelude);
  try {
    const engine = await load(options);
    expect(await answerOf(engine)).toHaveLength(5);
    expect((await engine.stats()).store).toBe(engine.model.storage?.kind);
    await engine.dispose();
    return engine.model.storage!;
  } finally {
    workers.restore();
  }
}

describe('"auto"', () => {
  it('takes the store that reads faster, measured once and remembered', async () => {
    const first = await storageOf({ store: 'auto' });
    const { opfs, indexeddb } = first.rates!;
    for (const rates of [opfs, indexeddb]) {
      expect(rates.readBytesPerSecond).toBeGreaterThan(1_000_000);
      expect(rates.writeBytesPerSecond).toBeGreaterThan(1_000_000);
    }
    expect(first.kind).toBe(opfs.readBytesPerSecond >= indexeddb.readBytesPerSecond ? 'opfs' : 'indexeddb');
    expect(await storageOf({ store: 'auto' })).toEqual(first);
    expect(await Engine.storedModels()).toHaveLength(1);
  });

  it.each([
    ['there are no synchronous handles', 'delete FileSystemFileHandle.prototype.createSyncAccessHandle;'],
    ['the file system is refused', `navigator.storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));`],
    ['a file cannot be opened', `FileSystemFileHandle.prototype.createSyncAccessHandle = () => Promise.reject(new DOMException('no', 'UnknownError'));`],
    ['a file cannot be written', `FileSystemSyncAccessHandle.prototype.write = () => { throw new DOMException('no', 'InvalidStateError'); };`],
  ])('takes IndexedDB when %s', async (_, prelude) => {
    expect(await storageOf({ store: 'auto' }, prelude)).toEqual({ kind: 'indexeddb' });
  });

  it('takes memory when there is no IndexedDB either', async () => {
    expect(await storageOf({ store: 'auto' }, `indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };`)).toEqual({ kind: 'memory' });
  });
});

it.each(['opfs', 'indexeddb', 'memory'] as const)('"%s" is taken at its word, without a measurement', async (store) => {
  expect(await storageOf({ store })).toEqual({ kind: store });
});

it('"opfs" rejects where there is none', async () => {
  const workers = watchWorkers('delete FileSystemFileHandle.prototype.createSyncAccessHandle;');
  await expectEngineError(() => load({ store: 'opfs' }), 'storage-unavailable', 'OPFS');
  workers.restore();
});

it('records from IndexedDB are of use when OPFS is taken later', async () => {
  const first = await load({ store: 'indexeddb' });
  await vi.waitUntil(async () => (await first.stats()).expertsHeld.disk === 8, { timeout: 10_000 });
  await first.dispose();
  const second = await load({ store: 'opfs', budget: { gpuBytes: 0, ramBytes: 0 } });
  expect((await second.stats()).expertsHeld.disk).toBe(8);
  await answerOf(second);
  expect((await second.stats()).bytesRead).toMatchObject({ network: 0 });
  await second.dispose();
});

it.each([
  ['indexeddb', 1],
  ['memory', 0],
] as const)('with the store "%s" the page asks the browser %i times to keep what is stored', async (store, callCount) => {
  const persist = vi.spyOn(navigator.storage, 'persist').mockResolvedValue(false);
  await storageOf({ store });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(persist).toHaveBeenCalledTimes(callCount);
});

it('without room it says which stored models could be deleted, and deletes none', async () => {
  const stored = await load({ store: 'indexeddb' });
  await vi.waitUntil(async () => (await stored.stats()).expertsHeld.disk === 8, { timeout: 10_000 });
  await stored.dispose();
  const workers = watchWorkers(`navigator.storage.estimate = async () => ({ usage: 1000, quota: 1001 });`);
  const engine = await loadTiny({ store: 'indexeddb' }, { seed: 2 });
  workers.restore();
  await vi.waitUntil(async () => (await engine.stats()).notices.length > 0, { timeout: 10_000 });
  expect((await engine.stats()).notices).toEqual([
    expect.stringMatching(/not enough room.* could be deleted, the one used longest ago first: tiny-\d+ \([\d.]+ kB\)\.$/),
  ]);
  await engine.dispose();
  expect(await Engine.storedModels()).toHaveLength(2);
});
