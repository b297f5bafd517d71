// OPFS as Chromium does it, in workers as the engine has it: the common suite, two tabs at once, a tab that dies.

import { afterEach, describe, expect, it } from 'vitest';
import { FILE_HEAD_BYTES, PLACE_PREFIX_BYTES } from '../../src/storage/opfs-layer-file';
import { RECORD_HEADER_BYTES } from '../../src/storage/record';
import type { HandleMode } from '../../src/storage/opfs-files';
import { describeExpertTiers, expertBytes, MODEL_ID, openLibrary, openTiers, TestFile } from '../storage/expert-tiers-suite';
import { bytesOf, describeRecordStore } from '../storage/record-store-suite';
import { RemoteStore } from '../support/remote-store';

const opened: RemoteStore[] = [];
let nameCount = 0;
const newName = () => `opfs-test-${++nameCount}`;

async function open(name = newName(), mode?: HandleMode): Promise<RemoteStore> {
  const store = await RemoteStore.open(name, mode);
  opened.push(store);
  return store;
}

afterEach(async () => {
  for (const { worker } of opened.splice(0)) worker.terminate();
  const root = await navigator.storage.getDirectory();
  for await (const name of root.keys()) await root.removeEntry(name, { recursive: true }).catch(() => undefined); // its worker is just ending
});

/** 'a' → experts 0 and so on, all in one file. */
const expertKeys = new Map<string, string>();
const expertKeyOf = (name: string) => expertKeys.get(name) ?? expertKeys.set(name, `0123456789abcdef/expert/3/${expertKeys.size}`).get(name)!;

describeRecordStore('opfs', () => open());
describeRecordStore('opfs', () => open(), expertKeyOf);
describeRecordStore('opfs', () => open(newName(), 'readwrite'), expertKeyOf);
describeExpertTiers('opfs', () => open());

const KEY = `${MODEL_ID}/expert/0/1`;

describe('two tabs', () => {
  it('read and write one model side by side where the browser lets them', async () => {
    const name = newName();
    const [one, two] = [await open(name), await open(name)];
    await one.putMany([[KEY, bytesOf(1, 2)]]);
    expect(await two.get(KEY)).toEqual(bytesOf(1, 2));
    const other = KEY.replace(/1$/, '2');
    await two.putMany([[other, bytesOf(3)]]);
    expect(await one.getMany([KEY, other])).toEqual([bytesOf(1, 2), bytesOf(3)]);
    await two.deleteMany([KEY]);
    expect(await one.keys('')).toEqual([other]);
  });

  it('read one model, and the first alone writes, where a handle locks its file', async () => {
    const name = newName();
    const one = await open(name, 'readwrite');
    await one.putMany([[KEY, bytesOf(1, 2)]]);
    const two = await open(name, 'readwrite');
    expect(await two.get(KEY)).toEqual(bytesOf(1, 2));
    expect(await two.keys('')).toEqual([KEY]);
    await expect(two.putMany([[KEY, bytesOf(9)]])).rejects.toMatchObject({ code: 'storage-unavailable', message: expect.stringContaining('Another tab') });
    await one.putMany([[KEY, bytesOf(3)]]);
    expect(await two.get(KEY)).toEqual(bytesOf(3));
    await one.close();
    await two.putMany([[KEY, bytesOf(4)]]);
    expect(await two.get(KEY)).toEqual(bytesOf(4));
  });

  it.each(['readwrite-unsafe', 'readwrite'] as const)('do not delete a model under each other (%s)', async (mode) => {
    const name = newName();
    const one = await open(name, mode);
    await one.putMany([[KEY, bytesOf(1)]]);
    const two = await open(name, mode);
    await expect(two.deletePrefix(`${MODEL_ID}/`)).rejects.toMatchObject({ code: 'storage-unavailable' });
    expect(await one.get(KEY)).toEqual(bytesOf(1));
    await one.close();
    await two.deletePrefix(`${MODEL_ID}/`);
    expect(await two.keys('')).toEqual([]);
  });
});

describe('a worker that is killed', () => {
  it('while it writes leaves every record whole or absent, and the file usable at once', async () => {
    const name = newName();
    const record = (fill: number) => new Uint8Array(300_000).fill(fill);
    const keys = Array.from({ length: 60 }, (_, expert) => `${MODEL_ID}/expert/0/${expert}`);
    const first = await open(name, 'readwrite');
    for (const key of keys.slice(0, 3)) await first.putMany([[key, record(1)]]);
    const writing = first.putMany(keys.map((key) => [key, record(2)]));
    writing.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 15));
    first.worker.terminate();
    const second = await open(name, 'readwrite');
    const read = (await second.getMany(keys)).filter((bytes) => bytes !== undefined);
    expect(read.every((bytes) => bytes.byteLength === 300_000 && bytes.every((byte) => byte === bytes[0]))).toBe(true);
    expect(read.every(([fill]) => fill === 1 || fill === 2)).toBe(true);
    await second.putMany(keys.map((key) => [key, record(3)]));
    expect((await second.getMany(keys)).every((bytes) => bytes?.byteLength === 300_000 && bytes[0] === 3)).toBe(true);
  });
});

describe('ExpertTiers on OPFS', () => {
  it('replaces a record whose bytes changed on disk', async () => {
    const name = newName();
    const store = await open(name);
    const file = new TestFile();
    const tiers = await openTiers(await openLibrary(store), file, 0);
    await tiers.fetch(0, 0);
    await tiers.settled();
    await tiers.dispose();
    await store.api.flipByte(name, MODEL_ID, 0, FILE_HEAD_BYTES + PLACE_PREFIX_BYTES + RECORD_HEADER_BYTES + 500);
    const next = await openTiers(await openLibrary(store), file, 0);
    expect(await next.fetch(0, 0)).toMatchObject({ bytes: expertBytes(0, 0), tier: 'network' });
    await next.settled();
    expect(await next.fetch(0, 0)).toMatchObject({ bytes: expertBytes(0, 0), tier: 'disk' });
    expect(next.supplyStats().recordsRepaired).toBe(1);
    await next.dispose();
  });
});
