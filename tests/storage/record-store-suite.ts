// What every RecordStore must do. Run for memory in Node, for IndexedDB and OPFS in Chromium.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordStore } from '../../src/storage/record-store';

/** `open` gives an empty store, each time another one. `keyOf` turns the names below into keys of the kind that is to be tested. */
export function describeRecordStore(kind: RecordStore['kind'], open: () => Promise<RecordStore>, keyOf = (name: string) => name): void {
  const [a, b, c, x, y, view] = ['a', 'b', 'c', 'x', 'y', 'view'].map(keyOf) as [string, string, string, string, string, string];
  describe(`${kind} store with keys like ${a}`, () => {
    let store: RecordStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('says what it is', () => expect(store.kind).toBe(kind));

    it('gives back what was put, and undefined for the rest', async () => {
      await store.putMany([
        [a, bytesOf(1, 2, 3)],
        [b, bytesOf()],
      ]);
      expect(await store.get(a)).toEqual(bytesOf(1, 2, 3));
      expect(await store.get(b)).toEqual(bytesOf());
      expect(await store.get(c)).toBeUndefined();
    });

    it('answers getMany in the order of the keys, gaps and repeats included', async () => {
      await store.putMany([
        [x, bytesOf(1)],
        [y, bytesOf(2)],
      ]);
      expect(await store.getMany([y, keyOf('nothing'), x, y])).toEqual([bytesOf(2), undefined, bytesOf(1), bytesOf(2)]);
      expect(await store.getMany([])).toEqual([]);
    });

    it('overwrites, and takes the last of two equal keys', async () => {
      await store.putMany([[a, bytesOf(1)]]);
      await store.putMany([
        [a, bytesOf(2, 2)],
        [a, bytesOf(3)],
      ]);
      expect(await store.get(a)).toEqual(bytesOf(3));
    });

    it('deletes, and ignores keys that are not there', async () => {
      await store.putMany([
        [a, bytesOf(1)],
        [b, bytesOf(2)],
      ]);
      await store.deleteMany([a, keyOf('nothing')]);
      await store.deleteMany([]);
      expect(await store.getMany([a, b])).toEqual([undefined, bytesOf(2)]);
    });

    it('lists the keys with a prefix and no others', async () => {
      const names = ['m1/expert/0/1', 'm1/expert/0/10', 'm1/trunk/a', 'm10/expert/0/1', 'm2/x', 'm1', 'm1/\uffff', 'm1/\uffffz'];
      await store.putMany(names.map((name) => [name, bytesOf(1)]));
      expect(await store.keys('m1/expert/')).toEqual(['m1/expert/0/1', 'm1/expert/0/10']);
      expect(await store.keys('m1/')).toEqual(['m1/expert/0/1', 'm1/expert/0/10', 'm1/trunk/a', 'm1/\uffff', 'm1/\uffffz']);
      expect(await store.keys('m1/\uffff')).toEqual(['m1/\uffff', 'm1/\uffffz']);
      expect(await store.keys('none')).toEqual([]);
      expect((await store.keys('')).length).toBe(names.length);
    });

    it('deletes all with a prefix', async () => {
      await store.putMany(['m1/expert/0/1', 'm1/expert/7/2', 'm1/trunk/a', 'm10/expert/0/1', 'm1'].map((name) => [name, bytesOf(1)]));
      await store.deletePrefix('m1/expert/7');
      expect(await store.keys('')).toEqual(['m1', 'm1/expert/0/1', 'm1/trunk/a', 'm10/expert/0/1']);
      await store.deletePrefix('m1/');
      await store.deletePrefix('m2/');
      expect(await store.keys('')).toEqual(['m1', 'm10/expert/0/1']);
      await store.putMany([['m1/expert/0/1', bytesOf(2)]]);
      expect(await store.get('m1/expert/0/1')).toEqual(bytesOf(2));
    });

    it('keeps its own bytes: neither the array that was put nor one that was got is shared', async () => {
      const put = bytesOf(1, 2, 3);
      await store.putMany([[a, put]]);
      put[0] = 99;
      const got = await store.get(a);
      expect(got).toEqual(bytesOf(1, 2, 3));
      got![1] = 99;
      expect(await store.get(a)).toEqual(bytesOf(1, 2, 3));
    });

    it('stores a view without the buffer around it', async () => {
      const buffer = Uint8Array.from({ length: 100 }, (_, index) => index);
      await store.putMany([[view, buffer.subarray(10, 13)]]);
      expect(await store.get(view)).toEqual(bytesOf(10, 11, 12));
    });

    it('holds megabytes, written and read side by side', async () => {
      const sizes = [1_000_003, 2_000_000, 0, 3_145_728];
      const entries = sizes.map((size, index) => [keyOf(`big/${index}`), new Uint8Array(size).fill(index + 1)] as const);
      await Promise.all(entries.map((entry) => store.putMany([entry])));
      const read = await store.getMany(entries.map(([key]) => key));
      expect(read.map((bytes) => bytes?.byteLength)).toEqual(sizes);
      expect(read.every((bytes, index) => bytes?.every((byte) => byte === index + 1))).toBe(true);
    });

    it('refuses work once closed, whatever was under way', async () => {
      const pending = store.putMany([[a, bytesOf(1)]]);
      await pending;
      await store.close();
      await store.close();
      await expect(store.get(a)).rejects.toMatchObject({ code: 'disposed' });
      await expect(store.putMany([[a, bytesOf(1)]])).rejects.toMatchObject({ code: 'disposed' });
      await expect(store.keys('')).rejects.toMatchObject({ code: 'disposed' });
    });
  });
}

export function bytesOf(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}
