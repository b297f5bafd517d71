// How fast experts come out of a store: by a bare loop over the store, and by the whole path (tiers, batches, record decoding, checksums). Both read the same
// records in the same order and in batches of the same size, one after the other, into memory that is used again. Rounds alternate and the median counts.

import type { RecordStore } from '../../src/storage/record-store';
import { ExpertTiers } from '../../src/storage/expert-tiers';
import { MANIFEST_VERSION } from '../../src/storage/manifest';
import { type ExpertId, ModelLibrary } from '../../src/storage/model-library';
import { modelIdOf } from '../../src/storage/record';

export interface StoreBenchResult {
  readonly writeBytesPerSecond: number;
  /** store.getMany, nothing else. */
  readonly bareBytesPerSecond: number;
  /** ExpertTiers.fetch, no RAM tier. */
  readonly pathBytesPerSecond: number;
  /** The same, each record for the first time since the model was opened: stores that are guarded check checksums then and not again. */
  readonly firstPathBytesPerSecond: number;
  /** path / bare. */
  readonly ratio: number;
  readonly firstRatio: number;
}

const LAYER_COUNT = 4;
/** What a halt asks for at once: the experts of one token in one layer. */
const BATCH_COUNT = 8;
const ROUNDS = 5;
const MODEL_ID = modelIdOf('bench');
const LAYOUT = 'bench-1';

export async function benchStore(store: RecordStore, totalBytes: number, expertBytes: number): Promise<StoreBenchResult> {
  const experts = Math.max(BATCH_COUNT, Math.floor(totalBytes / expertBytes / LAYER_COUNT));
  const layers = Array.from({ length: LAYER_COUNT }, (_, layer) => layer);
  const library = await ModelLibrary.open(store, MODEL_ID, LAYOUT, (fresh) =>
    fresh.writeManifest({
      ...{ version: MANIFEST_VERSION, identity: 'bench', sourceName: 'bench', sizeBytes: totalBytes, complete: false, createdAt: 0, lastUsedAt: 0 },
      layout: { version: LAYOUT, expertCounts: layers.map(() => experts), expertBytes: layers.map(() => expertBytes), trunk: [] },
    }),
  );
  const ids: ExpertId[] = layers.flatMap((layer) => Array.from({ length: experts }, (_, expert) => ({ layer, expert })));
  const batches = Array.from({ length: Math.ceil(ids.length / BATCH_COUNT) }, (_, i) => ids.slice(i * BATCH_COUNT, (i + 1) * BATCH_COUNT));
  const bytes = ids.length * expertBytes;
  const payload = Uint8Array.from({ length: expertBytes }, (_, i) => (i * 2_654_435_761) >>> 24);

  const write = async () => {
    for (const batch of batches) await library.writeExperts(batch.map((id) => [id, payload]));
  };
  const writeBytesPerSecond = await rateOf(bytes, write);

  const memory: Uint8Array[] = [];
  const bare = async () => {
    for (const batch of batches) {
      let next = 0;
      const read = await store.getMany(
        batch.map(({ layer, expert }) => `${MODEL_ID}/expert/${layer}/${expert}`),
        (sizeBytes) => {
          const slot = next++;
          const used = memory[slot];
          return used?.byteLength === sizeBytes ? used : (memory[slot] = new Uint8Array(sizeBytes));
        },
      );
      if (read.some((record) => record === undefined)) throw new Error('the store has lost a record');
    }
  };
  const openTiers = (of: ModelLibrary) =>
    ExpertTiers.open({
      ...{ expertCounts: layers.map(() => experts), expertBytes: layers.map(() => expertBytes), ramBudgetBytes: 0, library: of },
      ...{ importExpert: () => Promise.reject(new Error('an expert was not on disk')), clock: () => performance.now() },
    });
  const throughPath = (tiers: ExpertTiers) => async () => {
    for (const batch of batches) {
      const fetched = await Promise.all(batch.map(({ layer, expert }) => tiers.fetch(layer, expert)));
      for (const { release } of fetched) release?.();
    }
  };

  const tiers = await openTiers(library);
  await bare();
  await throughPath(tiers)();
  const firsts: number[] = [];
  const bares: number[] = [];
  const paths: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bares.push(await rateOf(bytes, bare));
    paths.push(await rateOf(bytes, throughPath(tiers)));
    // A library that has just been opened has checked nothing.
    const reopened = await ModelLibrary.open(store, MODEL_ID, LAYOUT);
    const fresh = await openTiers(reopened);
    // Its buffers are new: the first batch warms them, and is not what is to be measured.
    for (const { release } of await Promise.all(batches[0]!.map(({ layer, expert }) => fresh.fetch(layer, expert)))) release?.();
    firsts.push(await rateOf(bytes, throughPath(fresh)));
    await fresh.dispose();
    reopened.close();
  }
  await tiers.dispose();
  library.close();
  await ModelLibrary.delete(store, MODEL_ID);
  const [bareRate, pathRate, firstRate] = [median(bares), median(paths), median(firsts)];
  return {
    writeBytesPerSecond,
    bareBytesPerSecond: bareRate,
    pathBytesPerSecond: pathRate,
    firstPathBytesPerSecond: firstRate,
    ratio: pathRate / bareRate,
    firstRatio: firstRate / bareRate,
  };
}

async function rateOf(bytes: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (bytes * 1000) / (performance.now() - start);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
