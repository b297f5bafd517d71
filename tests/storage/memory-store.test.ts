import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/storage/memory-store';
import { openRecordStore } from '../../src/storage/open-store';
import { askForPersistence, estimateStorage } from '../../src/storage/quota';
import { bytesOf, describeRecordStore } from './record-store-suite';

describeRecordStore('memory', async () => new MemoryStore());

describe('MemoryStore', () => {
  it('refuses a batch that does not fit as a whole, and goes on', async () => {
    const store = new MemoryStore(10);
    await store.putMany([['a', new Uint8Array(6)]]);
    const tooMuch = store.putMany([
      ['b', new Uint8Array(3)],
      ['c', new Uint8Array(2)],
    ]);
    await expect(tooMuch).rejects.toMatchObject({ code: 'storage-quota', hint: expect.stringContaining('model file') });
    expect(await store.keys('')).toEqual(['a']);

    await store.putMany([['a', new Uint8Array(10)]]); // replaces 6 by 10: fits
    await store.deleteMany(['a', 'a']);
    await store.putMany([['d', new Uint8Array(10)]]);
    expect(await store.keys('')).toEqual(['d']);
  });
});

describe('openRecordStore in Node, where there is no IndexedDB', () => {
  it('takes memory on "auto" and says why', async () => {
    const { store, notices } = await openRecordStore('auto', { clock: () => 0 });
    expect(store.kind).toBe('memory');
    expect(notices).toEqual([expect.stringContaining('stored')]);
    await store.putMany([['a', bytesOf(1)]]);
    expect(await store.get('a')).toEqual(bytesOf(1));
  });

  it('has no notice when memory was asked for', async () => {
    expect((await openRecordStore('memory', { clock: () => 0 })).notices).toEqual([]);
  });

  it('rejects "indexeddb" with a hint', async () => {
    await expect(openRecordStore('indexeddb', { clock: () => 0 })).rejects.toMatchObject({
      code: 'storage-unavailable',
      hint: expect.stringContaining('memory'),
    });
  });

  it('knows no quota', async () => {
    expect(await estimateStorage()).toBeUndefined();
    expect(await askForPersistence()).toBe(false);
  });
});
