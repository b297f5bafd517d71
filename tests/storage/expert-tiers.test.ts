import { afterEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/storage/memory-store';
import { describeExpertTiers, expertBytes, EXPERT_COUNTS, openLibrary, openTiers, TestFile, TOTAL_BYTES } from './expert-tiers-suite';
import type { FetchedExpert } from '../../src/core/expert-supply';
import { Random } from '../../src/core/random';
import type { ExpertTiers } from '../../src/storage/expert-tiers';

describeExpertTiers('memory', async () => new MemoryStore());

/** A MemoryStore whose writes wait until they are let through. */
class SlowStore extends MemoryStore {
  batches: number[] = [];
  #gate: Promise<void> = Promise.resolve();
  #open = () => {};

  holdWrites(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  releaseWrites(): void {
    this.#open();
  }

  override async putMany(entries: ReadonlyArray<readonly [key: string, bytes: Uint8Array]>): Promise<void> {
    this.batches.push(entries.length);
    await this.#gate;
    await super.putMany(entries);
  }
}

describe('ExpertTiers under way', () => {
  let tiers: ExpertTiers;
  afterEach(() => tiers.dispose());

  it('works without a store', async () => {
    const file = new TestFile();
    tiers = await openTiers(undefined, file, 1000);
    expect((await tiers.fetch(0, 0)).tier).toBe('network');
    expect((await tiers.fetch(0, 0)).tier).toBe('ram');
    expect(await tiers.fillInBackground()).toBe(false);
    expect(file.imports).toEqual(['0/0']);
  });

  it('forgets a failed load, so that the next fetch tries again', async () => {
    const file = new TestFile();
    tiers = await openTiers(undefined, file);
    file.isGone = true;
    await expect(tiers.fetch(0, 0)).rejects.toMatchObject({ code: 'source-network' });
    file.isGone = false;
    expect((await tiers.fetch(0, 0)).tier).toBe('network');
  });

  it('lets one of two callers give up without harm to the other', async () => {
    const file = new TestFile();
    tiers = await openTiers(undefined, file);
    file.hold();
    const giver = new AbortController();
    const first = tiers.fetch(0, 0, { signal: giver.signal });
    const second = tiers.fetch(0, 0);
    giver.abort();
    await expect(first).rejects.toMatchObject({ code: 'aborted' });
    file.release();
    expect((await second).bytes).toEqual(expertBytes(0, 0));
    expect(file.imports.length).toBe(1);
  });

  it('cancels the load when the last caller gives up, and starts anew for the next', async () => {
    const file = new TestFile();
    tiers = await openTiers(undefined, file);
    file.hold();
    const giver = new AbortController();
    const first = tiers.fetch(0, 0, { signal: giver.signal });
    await turn();
    giver.abort();
    await expect(first).rejects.toMatchObject({ code: 'aborted' });
    file.release();
    const second = tiers.fetch(0, 0);
    expect((await second).tier).toBe('network');
    await expect(tiers.fetch(0, 1, { signal: giver.signal })).rejects.toMatchObject({ code: 'aborted' });
    expect(file.imports).toEqual(['0/0', '0/0']);
  });

  it('does not wait for the store, and writes in batches', async () => {
    const store = new SlowStore();
    const library = await openLibrary(store);
    tiers = await openTiers(library, new TestFile(), 0);
    store.holdWrites();
    store.batches = [];
    for (let expert = 0; expert < 4; expert++) await tiers.fetch(0, expert);
    expect(tiers.supplyStats()).toMatchObject({ queuedExperts: 4, queuedBytes: 4000, diskExperts: 0 });
    expect(tiers.tierOf(0, 2)).toBe('ram'); // still in memory, although the RAM budget is 0
    expect((await tiers.fetch(0, 2)).tier).toBe('ram');
    store.releaseWrites();
    await tiers.settled();
    expect(store.batches).toEqual([1, 3]);
    expect(tiers.supplyStats()).toMatchObject({ queuedExperts: 0, queuedBytes: 0, diskExperts: 4 });
  });

  it('stops writing when the store is full, says so once, and goes on', async () => {
    const store = new MemoryStore(3500);
    const file = new TestFile();
    tiers = await openTiers(await openLibrary(store), file, 0);
    for (let round = 0; round < 2; round++) {
      for (const [layer, count] of EXPERT_COUNTS.entries()) {
        for (let expert = 0; expert < count; expert++) {
          expect((await tiers.fetch(layer, expert)).bytes).toEqual(expertBytes(layer, expert));
          await tiers.settled();
        }
      }
    }
    expect(tiers.notices).toEqual([expect.stringMatching(/full.*stored; the rest is read from the model file/)]);
    const { diskExperts, diskBytes, bytesRead, queuedExperts } = tiers.supplyStats();
    expect(diskExperts).toBeGreaterThan(0);
    expect(diskBytes).toBeLessThan(3500);
    expect(bytesRead.disk).toBe(diskBytes);
    expect(bytesRead.network).toBe(2 * TOTAL_BYTES - diskBytes);
    expect(queuedExperts).toBe(0);
    expect(await tiers.fillInBackground()).toBe(false);
  });

  it('fills by runs of neighbours, and goes on when a whole run is there', async () => {
    const file = new TestFile(150);
    tiers = await openTiers(await openLibrary(new MemoryStore(), file.scale), file, 0);
    file.hold();
    const fill = tiers.fillInBackground();
    await turn();
    const runs = ['0/0', '0/1', '0/2', '0/3', '2/0', '2/1']; // 450,000, 450,000 and 300,000 bytes
    expect(file.imports).toEqual(runs);
    file.release('0/0', '0/1');
    await turn();
    expect(file.imports).toEqual(runs);
    file.release('0/2');
    await turn();
    expect(file.imports).toEqual([...runs, '2/2']);
    file.release();
    expect(await fill).toBe(true);
  });

  it('holds the fill back while a fetch waits', async () => {
    const file = new TestFile(300); // an expert is a run
    tiers = await openTiers(await openLibrary(new MemoryStore(), file.scale), file, 0);
    file.hold();
    const fill = tiers.fillInBackground();
    await turn();
    expect(file.imports).toEqual(['0/0', '0/1', '0/2']);
    const demand = tiers.fetch(2, 2);
    await turn();
    file.release('0/0', '0/1', '0/2');
    await turn();
    expect(file.imports).toEqual(['0/0', '0/1', '0/2', '2/2']);
    file.release('2/2');
    expect((await demand).tier).toBe('network');
    await turn();
    expect(file.imports).toEqual(['0/0', '0/1', '0/2', '2/2', '0/3', '2/0', '2/1']);
    file.release();
    expect(await fill).toBe(true);
    expect(file.maxInFlight).toBe(4);
  });

  it('loads what a token waits for before what is ahead of it, counts each by its urgency, and raises what is joined', async () => {
    const file = new TestFile();
    tiers = await openTiers(undefined, file);
    file.hold();
    const fetches = [
      tiers.fetch(0, 0, { urgency: 'look-ahead' }),
      tiers.fetch(0, 1, { urgency: 'prefetch' }),
      tiers.fetch(0, 2, { urgency: 'prefetch' }),
      tiers.fetch(2, 0),
      tiers.fetch(0, 2),
    ];
    await turn();
    expect(file.imports).toEqual(['0/0', '2/0', '0/2']);
    file.release();
    await Promise.all(fetches);
    expect(file.imports).toEqual(['0/0', '2/0', '0/2', '0/1']);
    expect(tiers.supplyStats().loads).toEqual({ demand: 2, 'look-ahead': 1, prefetch: 1 });
  });

  it('joins a fetch to the same load of the fill, as demand', async () => {
    const file = new TestFile();
    tiers = await openTiers(await openLibrary(new MemoryStore()), file);
    file.hold();
    const fill = tiers.fillInBackground();
    await turn();
    const demand = tiers.fetch(0, 0);
    file.release();
    expect((await demand).tier).toBe('network');
    await fill;
    expect(file.imports.filter((name) => name === '0/0').length).toBe(1);
    expect(tiers.supplyStats()).toMatchObject({ bytesRead: { network: 1000 }, bytesFilled: TOTAL_BYTES - 1000, ramExperts: 1 });
  });

  it('cancels the fill, keeps what it stored, and completes it later', async () => {
    const store = new MemoryStore();
    const library = await openLibrary(store);
    const file = new TestFile();
    tiers = await openTiers(library, file, 0);
    const canceller = new AbortController();
    const fill = tiers.fillInBackground({ signal: canceller.signal, onProgress: (done) => done >= 1000 && canceller.abort() });
    await expect(fill).rejects.toMatchObject({ code: 'aborted' });
    await tiers.settled();
    const { diskBytes } = tiers.supplyStats();
    expect(diskBytes).toBeGreaterThanOrEqual(1000);
    expect(diskBytes).toBeLessThan(TOTAL_BYTES);
    expect(library.manifest?.complete).toBe(false);
    expect(await tiers.fillInBackground()).toBe(true);
  });

  it('passes a failure of the file on, and the fill can be repeated', async () => {
    const file = new TestFile();
    tiers = await openTiers(await openLibrary(new MemoryStore()), file, 0);
    file.isGone = true;
    await expect(tiers.fillInBackground()).rejects.toMatchObject({ code: 'source-network' });
    file.isGone = false;
    expect(await tiers.fillInBackground()).toBe(true);
  });

  it('uses what is in RAM instead of reading it again', async () => {
    const store = new MemoryStore();
    const library = await openLibrary(store);
    const file = new TestFile();
    tiers = await openTiers(library, file);
    await tiers.fetch(0, 0);
    await tiers.settled();
    expect(await tiers.fillInBackground()).toBe(true);
    expect(file.imports.filter((name) => name === '0/0').length).toBe(1);
  });

  it('reads into memory that all its holders have released, and never into memory that one still has', async () => {
    const store = new MemoryStore();
    const library = await openLibrary(store);
    tiers = await openTiers(library, new TestFile(), 0);
    expect(await tiers.fillInBackground()).toBe(true);
    tiers.setRamBudget(1000); // one expert of layer 0
    const [one, same] = await Promise.all([tiers.fetch(0, 0), tiers.fetch(0, 0)]);
    expect(same.bytes).toBe(one.bytes);
    one.release!();
    one.release!(); // once is enough
    const second = await tiers.fetch(0, 1); // takes the place of the first in RAM, not its memory: `same` is still held
    expect(second.bytes.buffer).not.toBe(one.bytes.buffer);
    expect(same.bytes).toEqual(expertBytes(0, 0));
    same.release!();
    const third = await tiers.fetch(0, 2);
    expect(third.bytes.buffer).toBe(one.bytes.buffer);
    expect(third.bytes).toEqual(expertBytes(0, 2));
    expect((await tiers.fetch(0, 2)).bytes).toBe(third.bytes); // from RAM
    third.release!();
    const fourth = await tiers.fetch(0, 3); // the second caller of the third holds it
    expect(fourth.bytes.buffer).not.toBe(third.bytes.buffer);
    expect(third.bytes).toEqual(expertBytes(0, 2));
  });

  it('reads at random, releases at random, and every caller always sees its own expert', async () => {
    const random = new Random(7);
    const store = new MemoryStore();
    tiers = await openTiers(await openLibrary(store), new TestFile(), 3000);
    expect(await tiers.fillInBackground()).toBe(true);
    const held: Array<{ layer: number; expert: number; fetched: FetchedExpert }> = [];
    const memory = new Set<ArrayBufferLike>();
    for (let round = 0; round < 100; round++) {
      const ids = Array.from({ length: random.integer(1, 4) }, () =>
        random.integer(0, 1) === 0 ? { layer: 0, expert: random.integer(0, 3) } : { layer: 2, expert: random.integer(0, 2) },
      );
      const giver = new AbortController();
      const abandoned = tiers.fetch(0, random.integer(0, 3), { signal: giver.signal }).catch(() => undefined);
      if (round % 3 === 0) giver.abort();
      held.push(...(await Promise.all(ids.map(async (id) => ({ ...id, fetched: await tiers.fetch(id.layer, id.expert) })))));
      (await abandoned)?.release?.();
      for (const { layer, expert, fetched } of held) {
        memory.add(fetched.bytes.buffer);
        const [byte] = expertBytes(layer, expert);
        if (!fetched.bytes.every((found) => found === byte)) throw new Error(`round ${round}: expert ${layer}/${expert} has other bytes`);
      }
      while (held.length > 4) held.splice(random.integer(0, held.length - 1), 1)[0]!.fetched.release!();
    }
    expect(memory.size).toBeLessThan(100); // of some 250 reads; what an abandoned call leaves is not used again
  });

  it('disposes while fetches, a fill and a write are under way', async () => {
    const store = new SlowStore();
    const library = await openLibrary(store);
    const file = new TestFile();
    tiers = await openTiers(library, file);
    store.holdWrites();
    await tiers.fetch(0, 0);
    await turn();
    file.hold();
    const fetches = [1, 2, 3].map((expert) => tiers.fetch(0, expert));
    const fill = tiers.fillInBackground();
    const outcomes = Promise.allSettled([...fetches, fill]);
    await turn();
    const disposal = tiers.dispose();
    store.releaseWrites();
    await disposal;
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'disposed' } });
    expect(tiers.supplyStats()).toMatchObject({ ramBytes: 0, queuedBytes: 0 });
    expect((await library.storedExperts()).length).toBe(1);
    await expect(tiers.fetch(0, 0)).rejects.toMatchObject({ code: 'disposed' });
    await expect(tiers.fillInBackground()).rejects.toMatchObject({ code: 'disposed' });
  });
});

/** Lets everything run that can. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
