// IndexedDB as Chromium does it: the common suite, then what only a browser can do to a database. Quota and forced closing are caused through the DevTools protocol.

import { afterEach, describe, expect, it } from 'vitest';
import { cdp } from 'vitest/browser';
import { IndexedDbStore } from '../../src/storage/indexeddb-store';
import { openRecordStore } from '../../src/storage/open-store';
import { askForPersistence, estimateStorage } from '../../src/storage/quota';
import { ExpertTiers } from '../../src/storage/expert-tiers';
import { MANIFEST_VERSION, type ModelManifest } from '../../src/storage/manifest';
import { ModelLibrary } from '../../src/storage/model-library';
import { modelIdOf } from '../../src/storage/record';
import { describeExpertTiers, expertBytes, openLibrary, openTiers, TestFile } from '../storage/expert-tiers-suite';
import { bytesOf, describeRecordStore } from '../storage/record-store-suite';

const clock = () => performance.now();
let databaseCount = 0;
const databaseNames: string[] = [];

function newDatabaseName(): string {
  const name = `sluice-test-${++databaseCount}`;
  databaseNames.push(name);
  return name;
}

afterEach(async () => {
  for (const name of databaseNames.splice(0)) await deleteDatabase(name);
});

describeRecordStore('indexeddb', async () => new IndexedDbStore(newDatabaseName()));
describeExpertTiers('indexeddb', async () => new IndexedDbStore(newDatabaseName()));

describe('IndexedDbStore', () => {
  it('keeps records from one connection to the next, as Blobs', async () => {
    const name = newDatabaseName();
    const first = new IndexedDbStore(name);
    await first.putMany([['a', bytesOf(1, 2)]]);
    await first.close();

    const database = await openDatabase(name);
    const value = await settled(database.transaction('records').objectStore('records').get('a'));
    database.close();
    expect(value).toBeInstanceOf(Blob);

    const second = new IndexedDbStore(name);
    expect(await second.get('a')).toEqual(bytesOf(1, 2));
    await second.close();
  });

  it('lets another tab delete the database, and starts a new one', async () => {
    const name = newDatabaseName();
    const store = new IndexedDbStore(name);
    await store.putMany([['a', bytesOf(1)]]);
    await deleteDatabase(name);
    expect(await store.get('a')).toBeUndefined();
    await store.putMany([['b', bytesOf(2)]]);
    expect(await store.keys('')).toEqual(['b']);
    await store.close();
  });

  it('opens again after the user cleared site data', async () => {
    const store = new IndexedDbStore(newDatabaseName());
    await store.putMany([['a', bytesOf(1)]]);
    await clearSiteData();
    expect(await store.get('a')).toBeUndefined();
    await store.putMany([['b', bytesOf(2)]]);
    expect(await store.get('b')).toEqual(bytesOf(2));
    await store.close();
  });

  it('survives site data being cleared while it writes', async () => {
    const store = new IndexedDbStore(newDatabaseName());
    await store.putMany([['a', bytesOf(1)]]);
    const writes = Array.from({ length: 20 }, (_, index) => store.putMany([[`big/${index}`, new Uint8Array(500_000)]]));
    await clearSiteData();
    await Promise.all(writes);
    await store.putMany([['last', bytesOf(3)]]);
    expect(await store.get('last')).toEqual(bytesOf(3));
    await store.close();
  });

  it('says storage-quota when the browser is out of room, stores nothing of the batch and keeps what it has', async () => {
    await withQuota(500_000, async () => {
      const store = new IndexedDbStore(newDatabaseName());
      await store.putMany([['a', bytesOf(1)]]);
      const batch: Array<[string, Uint8Array]> = Array.from({ length: 4 }, (_, index) => [`big/${index}`, new Uint8Array(200_000)]);
      await expect(store.putMany(batch)).rejects.toMatchObject({ code: 'storage-quota', hint: expect.stringContaining('Free disk space') as string });
      expect(await store.keys('')).toEqual(['a']);
      expect(await store.get('a')).toEqual(bytesOf(1));
      await store.close();
    });
  });
});

describe('openRecordStore in Chromium', () => {
  it.each(['auto', 'indexeddb'] as const)('takes IndexedDB on "%s"', async (choice) => {
    const name = newDatabaseName();
    const { store, notices } = await openRecordStore(choice, { clock, name });
    expect([store.kind, notices]).toEqual(['indexeddb', []]);
    await store.putMany([['a', bytesOf(7)]]);
    await store.close();
    const again = await openRecordStore(choice, { clock, name });
    expect(await again.store.get('a')).toEqual(bytesOf(7));
    await again.store.close();
  });

  it('falls back to memory on "auto", and rejects "indexeddb", when the database cannot be used', async () => {
    const name = newDatabaseName();
    (await openDatabase(name)).close(); // a database of this name without our object store
    const { store, notices } = await openRecordStore('auto', { clock, name });
    expect(store.kind).toBe('memory');
    expect(notices.length).toBe(1);
    await expect(openRecordStore('indexeddb', { clock, name })).rejects.toMatchObject({ code: 'storage-unavailable' });
  });

  it('does not take a full disk for a missing database', async () => {
    await withQuota(1, async () => {
      const { store } = await openRecordStore('auto', { clock, name: newDatabaseName() });
      expect(store.kind).toBe('indexeddb');
      expect(await store.get('a')).toBeUndefined();
      await expect(store.putMany([['a', bytesOf(1)]])).rejects.toMatchObject({ code: 'storage-quota' });
      await store.close();
    });
  });
});

describe('ExpertTiers in Chromium', () => {
  it('goes on when the browser has no more room, with a notice', async () => {
    await withQuota(300_000, async () => {
      const store = new IndexedDbStore(newDatabaseName());
      const library = await openLibrary(store);
      const importExpert = async () => new Uint8Array(400_000).fill(7);
      const tiers = await ExpertTiers.open({ expertCounts: [4], expertBytes: [400_000], ramBudgetBytes: 0, library, importExpert, clock: () => 0 });
      for (let expert = 0; expert < 4; expert++) {
        const { bytes, tier } = await tiers.fetch(0, expert);
        expect([bytes.byteLength, bytes.every((byte) => byte === 7), tier]).toEqual([400_000, true, 'network']);
        await tiers.settled();
      }
      expect(tiers.notices).toEqual([expect.stringContaining('refuses to store more')]);
      expect(tiers.supplyStats()).toMatchObject({ diskExperts: 0, queuedBytes: 0 });
      await tiers.dispose();
      await store.close();
    });
  });

  it('goes on when the user clears site data, and stores again', async () => {
    const store = new IndexedDbStore(newDatabaseName());
    const file = new TestFile();
    const tiers = await openTiers(await openLibrary(store), file, 0);
    expect(await tiers.fillInBackground()).toBe(true);
    await clearSiteData();
    expect(await tiers.fetch(0, 1)).toMatchObject({ bytes: expertBytes(0, 1), tier: 'network' });
    await tiers.settled();
    expect(await tiers.fetch(0, 1)).toMatchObject({ bytes: expertBytes(0, 1), tier: 'disk' });
    await tiers.dispose();
    await store.close();
  });
});

describe('ModelLibrary in two tabs', () => {
  const id = modelIdOf('two tabs');
  const manifest: ModelManifest = {
    ...{ version: MANIFEST_VERSION, identity: 'two tabs', sourceName: 'a', sizeBytes: 8, complete: false, createdAt: 0, lastUsedAt: 0 },
    layout: { version: 'one', expertCounts: [1], expertBytes: [8], trunk: [] },
  };
  const record = [[{ layer: 0, expert: 0 }, new Uint8Array(8).fill(5)]] as const;

  it('that open a new model at once keep what the first has written', async () => {
    const name = newDatabaseName();
    const stores = [new IndexedDbStore(name), new IndexedDbStore(name)] as const;
    const seen: Array<boolean> = [];
    const open = (store: IndexedDbStore) =>
      ModelLibrary.open(store, id, 'one', async (library) => {
        seen.push(library.manifest !== undefined);
        await new Promise((resolve) => setTimeout(resolve, 30)); // the other would come in here
        await library.writeManifest(manifest);
        await library.writeExperts(record);
      });
    const libraries = await Promise.all(stores.map(open));
    expect(seen).toEqual([false, true]);
    for (const library of libraries) expect(await library.storedExperts()).toHaveLength(1);
    for (const library of libraries) library.close();
    for (const store of stores) await store.close();
  });

  it('of two versions of the page: the newer does not delete what the older uses', async () => {
    const store = new IndexedDbStore(newDatabaseName());
    const older = await ModelLibrary.open(store, id, 'one', (library) => library.writeManifest(manifest));
    await older.writeExperts(record);
    await expect(ModelLibrary.open(store, id, 'two')).rejects.toMatchObject({
      code: 'storage-unavailable',
      message: expect.stringContaining('another tab') as string,
    });
    expect(await older.readExperts([record[0][0]])).toMatchObject([{ status: 'found' }]);
    older.close();
    const newer = await ModelLibrary.open(store, id, 'two');
    expect(newer.manifest).toBeUndefined();
    expect(await store.keys(id)).toEqual([]);
    newer.close();
    await store.close();
  });
});

describe('quota', () => {
  it('is what the browser says', async () => {
    const estimate = await estimateStorage();
    expect(estimate?.quotaBytes).toBeGreaterThan(1_000_000);
    expect(estimate?.usedBytes).toBeGreaterThanOrEqual(0);
    expect(estimate?.isPersistent).toBe(await navigator.storage.persisted());
    expect(await askForPersistence()).toBe(await navigator.storage.persisted());
  });
});

/** Chromium remembers the room left for half a minute as long as the site's databases are open, so all of them are cleared before and after. */
async function withQuota(quotaSize: number, body: () => Promise<void>): Promise<void> {
  await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize });
  await clearSiteData();
  try {
    await body();
  } finally {
    await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin });
    await clearSiteData();
  }
}

/** What "clear site data" does: the database goes, open connections are closed by force. */
async function clearSiteData(): Promise<void> {
  await cdp().send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb' });
}

function openDatabase(name: string): Promise<IDBDatabase> {
  return settled(indexedDB.open(name));
}

function deleteDatabase(name: string): Promise<unknown> {
  const request = indexedDB.deleteDatabase(name);
  return new Promise((resolve, reject) => {
    request.addEventListener('success', resolve);
    request.addEventListener('error', () => reject(request.error ?? new Error('delete failed')));
    // A 'blocked' event may come although the connection is just being closed; a connection that stays open blocks for ever.
    setTimeout(() => reject(new Error('a connection blocks the delete')), 5000);
  });
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('request failed')));
  });
}
