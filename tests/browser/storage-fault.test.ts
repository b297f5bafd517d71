// What can go wrong with a store, done to a real one in Chromium while a model runs from it: whatever happens, the answer ends and is right.

import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Engine } from '../../src/worker/client';
import {
  CUT_NETWORK_ON_MESSAGE,
  EXPERTS,
  EXPERTS_PER_LAYER,
  MODEL_URL,
  SCARCE_BYTES,
  clearSiteData,
  corrupt,
  loadSmall,
  modelId,
  remove,
  soundStory,
  storyOf,
  until,
  untilStored,
  withQuota,
} from '../support/fault-lab';
import { type WatchedWorkers, watchWorkers } from '../support/page-workers';

let workers: WatchedWorkers | undefined;
const opened: Engine[] = [];
const load: typeof loadSmall = async (...words) => {
  const engine = await loadSmall(...words);
  opened.push(engine);
  return engine;
};

let expected: number[];
beforeAll(async () => {
  expected = await soundStory();
});
beforeEach(clearSiteData);
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.dispose();
  for (const worker of workers?.started ?? []) worker.terminate();
  workers?.restore();
  workers = undefined;
});

const ALL = Array.from({ length: EXPERTS_PER_LAYER }, (_, expert) => expert);

// What a store does by itself is tried on each; what is the same code for all, on one, for every load takes its seconds.

describe.each(['opfs', 'indexeddb'] as const)('on %s', (store) => {
  it('record corrupted: finds it by its checksum, fetches it again, counts it', async () => {
    const first = await load(store);
    await untilStored(first);
    await first.dispose();
    await corrupt(store, 2, ALL);
    const second = await load(store);
    expect(await storyOf(second)).toEqual(expected);
    const repaired = (await second.stats()).recordsRepaired;
    expect(repaired).toBeGreaterThan(4);
    await untilStored(second);
    await second.dispose();
    // Each is repaired once; what the first story did not need may come up in the next.
    const third = await load(store);
    expect(await storyOf(third)).toEqual(expected);
    expect(repaired + (await third.stats()).recordsRepaired).toBeLessThanOrEqual(EXPERTS_PER_LAYER);
  });

  it('records deleted, before the load and while the model runs: fetches them again', async () => {
    const first = await load(store);
    await untilStored(first);
    await first.dispose();
    await remove(store, 1, ALL);
    const second = await load(store);
    expect(await storyOf(second)).toEqual(expected);
    await untilStored(second);
    await remove(store, 3, ALL);
    expect(await storyOf(second)).toEqual(expected);
    expect((await second.stats()).bytesRead.network).toBeGreaterThan(0);
  });

  it('quota exhausted in mid-download: says so, goes on, and what is stored is of use', async () => {
    await withQuota(SCARCE_BYTES, async () => {
      const engine = await load(store);
      await until(async () => (await engine.stats()).notices.length > 0 || engine.model.notices.length > 0, 'a notice');
      expect([...engine.model.notices, ...(await engine.stats()).notices].join(' ')).toMatch(/not enough room|refuses to store more|cannot be stored/);
      expect(await storyOf(engine)).toEqual(expected);
      await engine.dispose();
      const again = await load(store);
      expect(await storyOf(again)).toEqual(expected);
      await again.dispose();
    });
  });

  it('tab closed while it writes: the next tab finds whole records or none', async () => {
    const frame = document.createElement('iframe');
    const stored = new Promise<void>((resolve) => (globalThis.onmessage = ({ data }) => data === 'storing' && resolve()));
    frame.srcdoc = `<script type="module">
      import { Engine } from '/src/worker/client.ts';
      const engine = await Engine.load('${MODEL_URL}', { backend: 'cpu', store: '${store}' });
      while ((await engine.stats()).expertsHeld.disk < 20) await new Promise((resolve) => setTimeout(resolve, 5));
      parent.postMessage('storing', '*');
    </script>`;
    document.body.append(frame);
    await stored;
    frame.remove();
    const engine = await load(store);
    expect(await storyOf(engine)).toEqual(expected);
    await untilStored(engine);
    expect(await storyOf(engine)).toEqual(expected);
  });

  it('site data cleared while the model runs: goes on, and the next visit starts anew', async () => {
    const first = await load(store);
    await untilStored(first);
    await clearSiteData();
    expect(await storyOf(first)).toEqual(expected);
    await first.dispose();
    const second = await load(store);
    expect(await storyOf(second)).toEqual(expected);
    await untilStored(second);
  });
});

describe('whatever the store', () => {
  const store = 'opfs';

  it('runs from what is stored when nothing goes wrong', async () => {
    const first = await load(store);
    expect(first.model.storage).toEqual({ kind: store });
    await untilStored(first);
    await first.dispose();
    const second = await load(store);
    expect(await storyOf(second)).toEqual(expected);
    const { bytesRead, store: kind, recordsRepaired } = await second.stats();
    expect([bytesRead.network, bytesRead.ram, recordsRepaired, kind]).toEqual([0, 0, 0, store]);
    expect(bytesRead.disk).toBeGreaterThan(0);
  });

  it('worker killed while it stores: the next one goes on from there', async () => {
    workers = watchWorkers();
    const first = await load(store);
    await untilStored(first, 30);
    workers.started[0]!.terminate();
    opened.length = 0; // it answers no more, not even to `dispose`
    const second = await load(store);
    expect(await storyOf(second)).toEqual(expected);
    await untilStored(second);
    expect((await second.stats()).bytesHeld.disk).toBe(second.model.expertTotalBytes);
  });

  it('two tabs that open a new model at once: both answer, and together they store it', async () => {
    const engines = await Promise.all([load(store), load(store)]);
    expect(await Promise.all(engines.map(storyOf))).toEqual([expected, expected]);
    for (const engine of engines) await untilStored(engine);
    await expect(Engine.deleteStoredModel(await modelId())).rejects.toMatchObject({ code: 'storage-unavailable' });
    for (const engine of engines) await engine.dispose();
    const next = await load(store);
    expect((await next.stats()).expertsHeld.disk).toBe(EXPERTS);
    expect(await storyOf(next)).toEqual(expected);
    expect((await next.stats()).bytesRead.network).toBe(0);
  });

  it('network gone: runs from the store; with nothing stored says so, and recovers', async () => {
    workers = watchWorkers(CUT_NETWORK_ON_MESSAGE);
    const network = new BroadcastChannel('network');
    const engine = await load(store);
    await untilStored(engine);
    network.postMessage('cut');
    expect(await storyOf(engine)).toEqual(expected);
    await remove(store, 3, ALL);
    await expect(storyOf(engine)).rejects.toMatchObject({ code: 'source-network' });
    network.postMessage('mended');
    expect(await storyOf(engine)).toEqual(expected);
    network.close();
  });

  it('is listed with its bytes, and deleted only when it is asked for and not open', async () => {
    const engine = await load(store);
    await untilStored(engine);
    await until(async () => (await Engine.storedModels())[0]?.isComplete === true, 'a complete model');
    const [model, ...others] = await Engine.storedModels();
    expect(others).toEqual([]);
    expect(model).toMatchObject({ name: 'tiny-1', source: MODEL_URL });
    const modelBytes = engine.model.expertTotalBytes + engine.model.trunkBytes;
    expect(model!.bytes).toBeGreaterThan(modelBytes);
    // A place is rounded up to 4096 bytes; besides there are the file's header and the manifest.
    expect(model!.bytes).toBeLessThan(modelBytes + EXPERTS * 4096 + 65_536);
    expect(model!.lastUsedAt).toBeLessThanOrEqual(Date.now());
    await expect(Engine.deleteStoredModel(model!.id)).rejects.toMatchObject({
      code: 'storage-unavailable',
      hint: expect.stringContaining('Close it') as string,
    });
    expect(await storyOf(engine)).toEqual(expected);
    await engine.dispose();
    await Engine.deleteStoredModel(model!.id);
    expect(await Engine.storedModels()).toEqual([]);
    expect((await navigator.storage.estimate()).usage).toBeLessThan(modelBytes / 4);
  });
});
