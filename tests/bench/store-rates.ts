// How fast experts come out of a store: by a bare loop over the store, and by the whole path (tiers, batches, record decoding, checksums). Both read the same
// records in the same order and in batches of the same size, one after the other, into as many buffers, which are used again. Both are run until they are warm
// (compiled, buffers touched) before they are measured; rounds alternate, and the median counts.

import type { RecordStore } from '../../src/storage/record-store';
import { ExpertTiers } from '../../src/storage/expert-tiers';
import { MANIFEST_VERSION } from '../../src/storage/manifest';
import { type ExpertId, ModelLibrary } from '../../src/storage/model-library';
import { modelIdOf } from '../../src/storage/record';

export interface StoreBenchResult {
  readonly writeBytesPerSecond: number;
  /** store.getMany, nothing else. */
  readonly bareBytesPerSecond: number;
  /** ExpertTiers.fetch as a halt calls it, no RAM tier. */
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
/** A pass over a fast store takes some milliseconds: passes are repeated until they have taken this long. */
const WARM_UP_MS = 500;
const MEASURED_MS = 200;
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
  const writeBytesPerSecond = (bytes * 1000) / (await millisecondsOf(write));

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
  const { signal } = new AbortController();
  const throughPath = async (tiers: ExpertTiers, of: readonly ExpertId[][]) => {
    for (const batch of of) {
      const fetched = await Promise.all(batch.map(({ layer, expert }) => tiers.fetch(layer, expert, { signal })));
      for (const { release } of fetched) release?.();
    }
  };
  /** A library that has just been opened has checked nothing. Its buffers are new: the first batch warms them, and is not measured. */
  const firstPassMs = async () => {
    const reopened = await ModelLibrary.open(store, MODEL_ID, LAYOUT);
    const fresh = await openTiers(reopened);
    await throughPath(fresh, batches.slice(0, 1));
    const elapsedMs = await millisecondsOf(() => throughPath(fresh, batches.slice(1)));
    await fresh.dispose();
    reopened.close();
    return elapsedMs;
  };

  const tiers = await openTiers(library);
  const bareMs = () => millisecondsOf(bare);
  const pathMs = () => millisecondsOf(() => throughPath(tiers, batches));
  for (const pass of [bareMs, pathMs, firstPassMs]) await meanOf(pass, WARM_UP_MS);
  const rates: Record<'bare' | 'path' | 'first', number[]> = { bare: [], path: [], first: [] };
  for (let round = 0; round < ROUNDS; round++) {
    rates.bare.push((bytes * 1000) / (await meanOf(bareMs, MEASURED_MS)));
    rates.path.push((bytes * 1000) / (await meanOf(pathMs, MEASURED_MS)));
    rates.first.push(((bytes - BATCH_COUNT * expertBytes) * 1000) / (await meanOf(firstPassMs, MEASURED_MS)));
  }
  await tiers.dispose();
  library.close();
  await ModelLibrary.delete(store, MODEL_ID);
  const [bareRate, pathRate, firstRate] = [median(rates.bare), median(rates.path), median(rates.first)];
  return {
    writeBytesPerSecond,
    bareBytesPerSecond: bareRate,
    pathBytesPerSecond: pathRate,
    firstPathBytesPerSecond: firstRate,
    ratio: pathRate / bareRate,
    firstRatio: firstRate / bareRate,
  };
}

async function millisecondsOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Of passes that together take at least so long. */
async function meanOf(pass: () => Promise<number>, leastMs: number): Promise<number> {
  let [sumMs, count] = [0, 0];
  for (; sumMs < leastMs; count++) sumMs += await pass();
  return sumMs / count;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
