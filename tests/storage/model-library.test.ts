import { describe, expect, it } from 'vitest';
import { MANIFEST_VERSION, decodeManifest, encodeManifest } from '../../src/storage/manifest';
import type { ModelManifest } from '../../src/storage/manifest';
import { MemoryStore } from '../../src/storage/memory-store';
import { ModelLibrary } from '../../src/storage/model-library';
import { modelIdOf } from '../../src/storage/record';
import type { RecordStore } from '../../src/storage/record-store';
import { bytesOf } from './record-store-suite';

const LAYOUT = 'test-1';
const manifest: ModelManifest = {
  version: MANIFEST_VERSION,
  identity: 'file-1',
  sourceName: 'https://example.org/model.gguf',
  sizeBytes: 1000,
  layout: {
    version: LAYOUT,
    expertCounts: [2, 0, 1],
    expertBytes: [4, 0, 8],
    trunk: [
      { name: 'token_embd.weight', offsetBytes: 100, sizeBytes: 3 },
      { name: 'output.weight', offsetBytes: 200, sizeBytes: 2 },
    ],
  },
  complete: false,
  createdAt: 1000,
  lastUsedAt: 2000,
};
const id = modelIdOf(manifest.identity);

async function filled(store: RecordStore, of: ModelManifest = manifest): Promise<ModelLibrary> {
  const library = await ModelLibrary.open(store, modelIdOf(of.identity), LAYOUT);
  await library.writeManifest(of);
  await library.writeSourceHeader(bytesOf(71, 71, 85, 70));
  await library.writeTrunk([
    ['token_embd.weight', bytesOf(1, 2, 3)],
    ['output.weight', bytesOf(4, 5)],
  ]);
  await library.writeExperts([
    [{ layer: 0, expert: 0 }, new Uint8Array(4).fill(1)],
    [{ layer: 0, expert: 1 }, new Uint8Array(4).fill(2)],
    [{ layer: 2, expert: 0 }, new Uint8Array(8).fill(3)],
  ]);
  return library;
}

async function flipByte(store: RecordStore, key: string, index: number): Promise<void> {
  const bytes = await store.get(key);
  bytes![index]! ^= 0x10;
  await store.putMany([[key, bytes!]]);
}

describe('ModelLibrary', () => {
  it('gives a later visit everything, found by the name of the source', async () => {
    const store = new MemoryStore();
    await filled(store);
    const library = await ModelLibrary.findBySource(store, manifest.sourceName, LAYOUT);
    expect(library?.modelId).toBe(id);
    expect(library?.manifest).toEqual(manifest);
    expect(await library?.readSourceHeader()).toEqual({ status: 'found', payload: bytesOf(71, 71, 85, 70) });
    expect(await library?.readTrunk(['output.weight', 'token_embd.weight'])).toEqual([
      { status: 'found', payload: bytesOf(4, 5) },
      { status: 'found', payload: bytesOf(1, 2, 3) },
    ]);
    expect(await library?.storedTrunk()).toEqual(new Set(['output.weight', 'token_embd.weight']));
    expect(await library?.readExperts([{ layer: 2, expert: 0 }])).toEqual([{ status: 'found', payload: new Uint8Array(8).fill(3) }]);
    expect(await library?.storedExperts()).toEqual([
      { layer: 0, expert: 0 },
      { layer: 0, expert: 1 },
      { layer: 2, expert: 0 },
    ]);
    expect(await ModelLibrary.findBySource(store, 'other', LAYOUT)).toBeUndefined();
  });

  it('prefers a complete model of that source, then the one used last', async () => {
    const store = new MemoryStore();
    await filled(store, { ...manifest, identity: 'old', lastUsedAt: 1 });
    await filled(store, { ...manifest, identity: 'new', lastUsedAt: 3 });
    expect((await ModelLibrary.findBySource(store, manifest.sourceName, LAYOUT))?.manifest?.identity).toBe('new');
    await filled(store, { ...manifest, identity: 'whole', lastUsedAt: 2, complete: true });
    expect((await ModelLibrary.findBySource(store, manifest.sourceName, LAYOUT))?.manifest?.identity).toBe('whole');
  });

  it.each(['header', 'trunk/output.weight', 'expert/0/1'])('is complete only with %s', async (missing) => {
    const store = new MemoryStore();
    const library = await filled(store);
    await store.deleteMany([`${id}/${missing}`]);
    expect(await library.markComplete()).toBe(false);
    await filled(store);
    expect(await library.markComplete()).toBe(true);
    expect((await ModelLibrary.open(store, id, LAYOUT)).manifest?.complete).toBe(true);
  });

  it('reports a broken record once, deletes it, and keeps the sound ones of the same read', async () => {
    const store = new MemoryStore();
    const library = await filled(store);
    await flipByte(store, `${id}/expert/0/1`, 66);
    const wanted = [0, 1].map((expert) => ({ layer: 0, expert }));
    expect(await library.readExperts(wanted)).toMatchObject([{ status: 'found' }, { status: 'corrupt', reason: 'its checksum does not match' }]);
    expect(await library.readExperts(wanted)).toMatchObject([{ status: 'found' }, { status: 'missing' }]);
  });

  it('does not take a sound record of the wrong size or of another expert', async () => {
    const store = new MemoryStore();
    const library = await filled(store);
    await library.writeExperts([[{ layer: 2, expert: 0 }, new Uint8Array(7)]]);
    await store.putMany([[`${id}/expert/0/0`, (await store.get(`${id}/expert/0/1`))!]]);
    const reads = await library.readExperts([
      { layer: 2, expert: 0 },
      { layer: 0, expert: 0 },
    ]);
    expect(reads).toMatchObject([{ status: 'corrupt' }, { status: 'corrupt' }]);
  });

  it.each([
    ['once in a visit where nobody else can change records', true, 'found'],
    ['at each read elsewhere', false, 'corrupt'],
  ] as const)('finds the checksum of a record %s, and looks at its header always', async (_, isGuarded, status) => {
    const store = new (class extends MemoryStore {
      override readonly isGuarded = isGuarded as true;
    })();
    await filled(store);
    const library = await ModelLibrary.open(store, id, LAYOUT);
    const read = async () => (await library.readExperts([{ layer: 2, expert: 0 }]))[0];
    expect(await read()).toMatchObject({ status: 'found' });
    await flipByte(store, `${id}/expert/2/0`, 66);
    expect(await read()).toMatchObject({ status });
    await library.writeExperts([[{ layer: 2, expert: 0 }, new Uint8Array(8).fill(3)]]);
    await flipByte(store, `${id}/expert/2/0`, 66);
    expect(await read()).toMatchObject({ status: 'corrupt' });
    await library.writeExperts([[{ layer: 2, expert: 0 }, new Uint8Array(8).fill(3)]]);
    expect(await read()).toMatchObject({ status: 'found' });
    await flipByte(store, `${id}/expert/2/0`, 40);
    expect(await read()).toMatchObject({ status: 'corrupt', reason: 'its header names other data' });
  });

  it('is deleted with all its records, and no other model with it', async () => {
    const store = new MemoryStore();
    await filled(store);
    const other = await filled(store, { ...manifest, identity: 'other' });
    await ModelLibrary.delete(store, id);
    expect(await store.keys(id)).toEqual([]);
    expect(await store.keys('manifest/')).toEqual([`manifest/${other.modelId}`]);
    expect((await other.storedExperts()).length).toBe(3);
  });

  it('ignores keys that name no expert of the model', async () => {
    const store = new MemoryStore();
    const library = await filled(store);
    await store.putMany(['expert/1/0', 'expert/0/2', 'expert/9/0', 'expert/0/-1', 'expert/x', 'expert/0/1/2'].map((key) => [`${id}/${key}`, bytesOf(1)]));
    expect((await library.storedExperts()).length).toBe(3);
  });

  it.each([
    ['no manifest', undefined],
    ['no JSON', new TextEncoder().encode('{"version":')],
    ['no UTF-8', bytesOf(0xff, 0xfe)],
    ['another layout', encodeManifest({ ...manifest, layout: { ...manifest.layout, version: 'test-0' } })],
  ])('deletes what was stored when there is %s, and nothing of other models', async (_, bytes) => {
    const store = new MemoryStore();
    await filled(store);
    const other = await filled(store, { ...manifest, identity: 'other' });
    if (bytes) await store.putMany([[`manifest/${id}`, bytes]]);
    else await store.deleteMany([`manifest/${id}`]);

    expect((await ModelLibrary.open(store, id, LAYOUT)).manifest).toBeUndefined();
    expect(await store.keys(id)).toEqual([]);
    expect(await store.keys('manifest/')).toEqual([`manifest/${other.modelId}`]);
    expect((await other.storedExperts()).length).toBe(3);
  });
});

describe('decodeManifest', () => {
  const decodeChanged = (change: object) => decodeManifest(new TextEncoder().encode(JSON.stringify({ ...manifest, ...change })));
  const { layout } = manifest;

  it('takes what encodeManifest made and drops unknown fields', () => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
    expect(decodeChanged({ surprise: 1 })).toEqual(manifest);
  });

  it.each<[string, object]>([
    ['another version', { version: 2 }],
    ['a number as identity', { identity: 5 }],
    ['no source name', { sourceName: null }],
    ['a negative size', { sizeBytes: -1 }],
    ['a fractional size', { sizeBytes: 1.5 }],
    ['a text as flag', { complete: 'yes' }],
    ['no time', { lastUsedAt: null }],
    ['no layout', { layout: [] }],
    ['layers that do not agree', { layout: { ...layout, expertBytes: [4] } }],
    ['absurd expert counts', { layout: { ...layout, expertCounts: [2, 0, 1e9] } }],
    ['absurd layer counts', { layout: { ...layout, expertCounts: Array.from({ length: 5000 }, () => 1), expertBytes: Array.from({ length: 5000 }, () => 1) } }],
    ['a trunk that is no list', { layout: { ...layout, trunk: {} } }],
    ['a piece without a size', { layout: { ...layout, trunk: [{ name: 'a', offsetBytes: 0 }] } }],
    ['a piece named twice', { layout: { ...layout, trunk: [layout.trunk[0], layout.trunk[0]] } }],
    ['a prototype trick', { layout: { ...layout, expertCounts: { length: 3 } } }],
  ])('refuses %s', (_, change) => {
    expect(decodeChanged(change)).toBeUndefined();
  });

  it.each(['null', '[]', '5', '""'])('refuses %s', (json) => {
    expect(decodeManifest(new TextEncoder().encode(json))).toBeUndefined();
  });
});
