// ExpertTiers over any store. Run for memory in Node and for IndexedDB in Chromium. The "model file" makes each expert's bytes from its number.

import { afterEach, describe, expect, it } from 'vitest';
import { aborted, EngineError } from '../../src/core/errors';
import { ExpertTiers } from '../../src/storage/expert-tiers';
import type { ExpertTiersOptions } from '../../src/storage/expert-tiers';
import { MANIFEST_VERSION } from '../../src/storage/manifest';
import { ModelLibrary } from '../../src/storage/model-library';
import { modelIdOf } from '../../src/storage/record';
import type { RecordStore } from '../../src/storage/record-store';

export const EXPERT_COUNTS = [4, 0, 3];
export const EXPERT_BYTES = [1000, 0, 2000];
export const TOTAL_BYTES = 10_000;
const LAYOUT = 'test-1';
export const MODEL_ID = modelIdOf('tiers');

/** What the file holds for an expert. */
export function expertBytes(layer: number, expert: number, scale = 1): Uint8Array {
  return new Uint8Array(EXPERT_BYTES[layer]! * scale).fill(layer * 16 + expert + 1);
}

/** A model file that can be held back, lost, and counts what is read. Its experts are `scale` times as large as EXPERT_BYTES. */
export class TestFile {
  constructor(readonly scale = 1) {}

  readonly imports: string[] = [];
  isGone = false;
  maxInFlight = 0;
  #inFlight = 0;
  #isHolding = false;
  readonly #held = new Map<string, () => void>();

  /** Reads from here on wait for `release`. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Lets the named reads through, or all and stops holding. */
  release(...names: string[]): void {
    if (names.length === 0) this.#isHolding = false;
    for (const name of names.length === 0 ? [...this.#held.keys()] : names) {
      this.#held.get(name)?.();
      this.#held.delete(name);
    }
  }

  readonly importExpert: ExpertTiersOptions['importExpert'] = async (layer, expert, signal) => {
    this.imports.push(`${layer}/${expert}`);
    this.maxInFlight = Math.max(this.maxInFlight, ++this.#inFlight);
    try {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(aborted()));
        if (this.#isHolding) this.#held.set(`${layer}/${expert}`, resolve);
        else setTimeout(resolve, 0);
      });
      if (this.isGone) throw new EngineError('source-network', 'The network is gone.', 'Connect again.');
      return expertBytes(layer, expert, this.scale);
    } finally {
      this.#inFlight--;
    }
  };
}

export async function openLibrary(store: RecordStore, scale = 1): Promise<ModelLibrary> {
  const library = await ModelLibrary.open(store, MODEL_ID, LAYOUT);
  if (library.manifest) return library;
  await library.writeManifest({
    version: MANIFEST_VERSION,
    identity: 'tiers',
    sourceName: 'tiers.gguf',
    sizeBytes: TOTAL_BYTES * scale,
    layout: { version: LAYOUT, expertCounts: EXPERT_COUNTS, expertBytes: EXPERT_BYTES.map((bytes) => bytes * scale), trunk: [] },
    complete: false,
    createdAt: 0,
    lastUsedAt: 0,
  });
  await library.writeSourceHeader(new Uint8Array(10));
  return library;
}

export function openTiers(library: ModelLibrary | undefined, file: TestFile, ramBudgetBytes = 1_000_000): Promise<ExpertTiers> {
  const expertBytes = EXPERT_BYTES.map((bytes) => bytes * file.scale);
  return ExpertTiers.open({ expertCounts: EXPERT_COUNTS, expertBytes, ramBudgetBytes, library, importExpert: file.importExpert, clock: () => 0 });
}

export function describeExpertTiers(kind: string, openStore: () => Promise<RecordStore>): void {
  describe(`ExpertTiers on a ${kind} store`, () => {
    const disposals: Array<() => Promise<void>> = [];
    afterEach(async () => {
      for (const dispose of disposals.splice(0).reverse()) await dispose();
    });

    async function setUp(ramBudgetBytes?: number) {
      const store = await openStore();
      const file = new TestFile();
      const library = await openLibrary(store);
      const tiers = await openTiers(library, file, ramBudgetBytes);
      disposals.push(
        () => store.close(),
        () => tiers.dispose(),
      );
      return { store, file, library, tiers };
    }

    it('moves an expert from the network to RAM and disk, and finds it on disk in the next visit', async () => {
      const { tiers, library, file } = await setUp();
      expect(tiers.tierOf(0, 1)).toBe('network');
      expect(await tiers.fetch(0, 1)).toMatchObject({ bytes: expertBytes(0, 1), tier: 'network' });
      expect(tiers.tierOf(0, 1)).toBe('ram');
      const again = await tiers.fetch(0, 1);
      expect(again).toMatchObject({ bytes: expertBytes(0, 1), tier: 'ram' });
      expect((await tiers.fetch(0, 1)).bytes).toBe(again.bytes);
      await tiers.settled();
      expect(tiers.supplyStats()).toMatchObject({
        diskExperts: 1,
        diskBytes: 1000,
        ramExperts: 1,
        ramBytes: 1000,
        bytesRead: { ram: 2000, disk: 0, network: 1000 },
      });

      file.isGone = true;
      const next = await openTiers(library, file);
      expect(next.tierOf(0, 1)).toBe('disk');
      expect(await next.fetch(0, 1)).toMatchObject({ bytes: expertBytes(0, 1), tier: 'disk' });
      expect(next.tierOf(0, 1)).toBe('ram');
      expect(next.supplyStats().bytesRead).toEqual({ ram: 0, disk: 1000, network: 0 });
      await expect(next.fetch(0, 2)).rejects.toMatchObject({ code: 'source-network' });
      await next.dispose();
    });

    it('replaces a broken record, counts it once and stores it again', async () => {
      const { tiers, store, library, file } = await setUp();
      await tiers.fetch(2, 0);
      await tiers.settled();
      const key = `${MODEL_ID}/expert/2/0`;
      const record = (await store.get(key))!;
      record[1500]! ^= 1;
      await store.putMany([[key, record]]);

      const next = await openTiers(library, file);
      expect(next.tierOf(2, 0)).toBe('disk');
      expect(await next.fetch(2, 0)).toMatchObject({ bytes: expertBytes(2, 0), tier: 'network' });
      expect(next.supplyStats().recordsRepaired).toBe(1);
      await next.settled();
      next.setRamBudget(0);
      expect(await next.fetch(2, 0)).toMatchObject({ bytes: expertBytes(2, 0), tier: 'disk' });
      expect(next.supplyStats().recordsRepaired).toBe(1);
      await next.dispose();
    });

    it('says record-corrupt when a broken record cannot be replaced, and recovers when the file is back', async () => {
      const { tiers, store, library, file } = await setUp();
      await tiers.fetch(0, 0);
      await tiers.settled();
      await store.putMany([[`${MODEL_ID}/expert/0/0`, new Uint8Array(70)]]);
      file.isGone = true;
      const next = await openTiers(library, file);
      await expect(next.fetch(0, 0)).rejects.toMatchObject({ code: 'record-corrupt', cause: { code: 'source-network' } });
      expect(next.supplyStats().recordsRepaired).toBe(0);
      file.isGone = false;
      expect(await next.fetch(0, 0)).toMatchObject({ bytes: expertBytes(0, 0), tier: 'network' });
      await next.dispose();
    });

    it('fetches again what the browser has evicted', async () => {
      const { tiers, store } = await setUp(0);
      await tiers.fetch(0, 3);
      await tiers.settled();
      expect(tiers.tierOf(0, 3)).toBe('disk');
      await store.deleteMany([`${MODEL_ID}/expert/0/3`]);
      expect(await tiers.fetch(0, 3)).toMatchObject({ bytes: expertBytes(0, 3), tier: 'network' });
      await tiers.settled();
      expect(await tiers.fetch(0, 3)).toMatchObject({ bytes: expertBytes(0, 3), tier: 'disk' });
      expect(tiers.supplyStats()).toMatchObject({ recordsRepaired: 0, diskExperts: 1, diskBytes: 1000 });
    });

    it('keeps a profile of its experts for the next visit, and ignores one that is broken or of another shape', async () => {
      const { tiers, store, library } = await setUp();
      expect(await tiers.readProfile()).toBeUndefined();
      const profile = Float32Array.from({ length: 7 }, (_, index) => index / 8);
      await tiers.writeProfile(profile);
      const next = await openTiers(await openLibrary(store), new TestFile());
      expect(await next.readProfile()).toEqual(profile);
      await library.writeProfile(profile.subarray(1));
      expect(await next.readProfile()).toBeUndefined();
      await library.writeProfile(profile);
      const key = `${MODEL_ID}/profile`;
      const record = (await store.get(key))!;
      record[70]! ^= 1;
      await store.putMany([[key, record]]);
      expect(await (await openTiers(await openLibrary(store), new TestFile())).readProfile()).toBeUndefined();
      expect(await store.get(key)).toBeUndefined();
    });

    it('holds no more in RAM than the budget, and drops what was used longest ago', async () => {
      const { tiers } = await setUp(3000);
      for (const expert of [0, 1, 2]) await tiers.fetch(0, expert);
      await tiers.fetch(0, 0);
      await tiers.settled();
      await tiers.fetch(0, 3);
      await tiers.settled();
      expect([0, 1, 2, 3].map((expert) => tiers.tierOf(0, expert))).toEqual(['ram', 'disk', 'ram', 'ram']);
      tiers.setRamBudget(1500);
      expect([0, 1, 2, 3].map((expert) => tiers.tierOf(0, expert))).toEqual(['disk', 'disk', 'disk', 'ram']);
      expect(tiers.supplyStats().ramBytes).toBe(1000);
      expect((await tiers.fetch(2, 0)).bytes).toEqual(expertBytes(2, 0)); // 2000 bytes: over the budget, given but not kept
      expect(tiers.supplyStats().ramBytes).toBe(1000);
    });

    it('loads once for all who ask at the same time, from the file and from disk', async () => {
      const { tiers, file } = await setUp(0);
      const fetched = await Promise.all(Array.from({ length: 5 }, () => tiers.fetch(0, 0)));
      expect(new Set(fetched.map(({ bytes }) => bytes)).size).toBe(1);
      expect(file.imports).toEqual(['0/0']);
      await tiers.settled();
      const again = await Promise.all(Array.from({ length: 5 }, () => tiers.fetch(0, 0)));
      expect(new Set(again.map(({ bytes }) => bytes)).size).toBe(1);
      expect(tiers.supplyStats().bytesRead).toEqual({ ram: 0, disk: 1000, network: 1000 });
    });

    it('fills the disk in file order, reports bytes, marks the model complete, and then needs no network', async () => {
      const { tiers, library, file, store } = await setUp(0);
      await tiers.fetch(2, 1);
      await tiers.settled();
      const progress: number[] = [];
      expect(await tiers.fillInBackground({ onProgress: (done, total) => progress.push(total === TOTAL_BYTES ? done : -1) })).toBe(true);
      expect(file.imports).toEqual(['2/1', '0/0', '0/1', '0/2', '0/3', '2/0', '2/2']);
      expect(progress[0]).toBe(2000);
      expect(progress.at(-1)).toBe(TOTAL_BYTES);
      expect(progress).toEqual([...progress].sort((a, b) => a - b));
      expect(library.manifest?.complete).toBe(true);
      expect(tiers.supplyStats()).toMatchObject({ bytesFilled: 8000, bytesRead: { ram: 0, disk: 0, network: 2000 }, diskBytes: TOTAL_BYTES, ramBytes: 0 });

      file.isGone = true;
      const next = await openTiers(await openLibrary(store), file);
      for (const [layer, count] of EXPERT_COUNTS.entries()) {
        for (let expert = 0; expert < count; expert++)
          expect(await next.fetch(layer, expert)).toMatchObject({ bytes: expertBytes(layer, expert), tier: 'disk' });
      }
      await next.dispose();
    });
  });
}
