import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError, aborted } from '../../src/core/errors';
import { Random } from '../../src/core/random';
import { KiB, MiB } from '../../src/core/units';
import { MERGE_MAX_BYTES, MERGE_MAX_GAP_BYTES, MergedReads } from '../../src/formats/merged-reads';
import { expectEngineError } from '../support/expect-engine-error';

const random = new Random(11);
const file = Uint8Array.from({ length: 3 * MiB }, () => random.uint32());
const CONCURRENCY = 3;

interface LoggedDownload {
  readonly offset: number;
  readonly length: number;
  outcome: 'running' | 'done' | 'failed' | 'aborted';
}

/** A line that gives `pieceBytes` a turn and breaks before it gives a byte of `badOffsets`. */
class TestLine {
  readonly log: LoggedDownload[] = [];
  mostOpen = 0;
  #open = 0;
  #gate: Promise<void> | undefined;

  constructor(
    readonly pieceBytes: number,
    readonly badOffsets: readonly number[] = [],
  ) {}

  /** Nothing arrives until the function is called. */
  hold(): () => void {
    let release = () => {};
    this.#gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  readonly reads = new MergedReads(async (offset, length, onBytes, signal) => {
    const entry: LoggedDownload = { offset, length, outcome: 'running' };
    this.log.push(entry);
    this.mostOpen = Math.max(this.mostOpen, ++this.#open);
    try {
      for (let at = offset; at < offset + length; at += this.pieceBytes) {
        await (this.#gate ?? turn());
        if (signal.aborted) throw aborted();
        const end = Math.min(at + this.pieceBytes, offset + length);
        if (this.badOffsets.some((bad) => bad >= at && bad < end)) throw new EngineError('source-network', 'The line broke.', 'Mend it.');
        onBytes(file.slice(at, end));
      }
      entry.outcome = 'done';
    } catch (thrown) {
      entry.outcome = signal.aborted ? 'aborted' : 'failed';
      throw thrown;
    } finally {
      this.#open--;
    }
  }, CONCURRENCY);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

const ranges = (log: readonly LoggedDownload[]) => log.map(({ offset, length }) => [offset, length]);

describe('MergedReads', () => {
  it('reads neighbours of one turn with one download, in whatever order they are asked for', async () => {
    const line = new TestLine(100_000);
    const parts = await Promise.all([5, 0, 3, 1, 4, 2].map(async (index) => [index, await line.reads.read(1000 + index * 30_000, 30_000)] as const));
    for (const [index, part] of parts) expect(Buffer.compare(part, file.subarray(1000 + index * 30_000, 31_000 + index * 30_000))).toBe(0);
    expect(ranges(line.log)).toEqual([[1000, 180_000]]);
  });

  it('spans a gap that is small, and none that is larger', async () => {
    const line = new TestLine(MiB);
    await Promise.all([line.reads.read(0, 10), line.reads.read(10 + MERGE_MAX_GAP_BYTES, 10), line.reads.read(21 + 2 * MERGE_MAX_GAP_BYTES, 10)]);
    expect(ranges(line.log)).toEqual([
      [0, 20 + MERGE_MAX_GAP_BYTES],
      [21 + 2 * MERGE_MAX_GAP_BYTES, 10],
    ]);
  });

  it('keeps to the largest size of a merged download, and reads what is larger by itself', async () => {
    const line = new TestLine(MiB);
    const half = MERGE_MAX_BYTES / 2;
    await Promise.all([line.reads.read(0, half), line.reads.read(half, half), line.reads.read(2 * half, 1), line.reads.read(2 * half + 1, 2 * MiB - 1)]);
    expect(ranges(line.log)).toEqual([
      [0, MERGE_MAX_BYTES],
      [MERGE_MAX_BYTES, 1],
      [MERGE_MAX_BYTES + 1, 2 * MiB - 1],
    ]);
  });

  it('hands out each part as soon as it is there', async () => {
    const line = new TestLine(64 * KiB, [3 * 64 * KiB]);
    const parts = await Promise.allSettled([0, 1, 2, 3, 4].map((index) => line.reads.read(index * 64 * KiB, 64 * KiB)));
    expect(parts.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(line.log).toHaveLength(1);
  });

  it('goes on for the others when one gives up, and stops when all have', async () => {
    const line = new TestLine(10_000);
    const release = line.hold();
    const givers = [new AbortController(), new AbortController()];
    const [first, second] = givers.map(({ signal }, index) => line.reads.read(index * 10_000, 10_000, signal));
    await turn();
    givers[0]!.abort();
    await expectEngineError(() => first, 'aborted');
    expect(line.log).toMatchObject([{ offset: 0, length: 20_000, outcome: 'running' }]);
    givers[1]!.abort();
    await expectEngineError(() => second, 'aborted');
    release();
    await turn();
    expect(line.log).toMatchObject([{ outcome: 'aborted' }]);
  });

  it('downloads nothing for those who gave up before it began, at once or while they waited for their turn', async () => {
    const line = new TestLine(MiB);
    await expectEngineError(() => line.reads.read(0, 10, AbortSignal.abort()), 'aborted');
    const giver = new AbortController();
    const early = line.reads.read(0, 10, giver.signal);
    giver.abort();
    await expectEngineError(() => early, 'aborted');
    const release = line.hold();
    const busy = Array.from({ length: CONCURRENCY }, (_, index) => line.reads.read(index * MiB, MiB));
    await turn();
    const waiter = new AbortController();
    const waiting = line.reads.read(500, 10, waiter.signal);
    await turn();
    waiter.abort();
    await expectEngineError(() => waiting, 'aborted');
    release();
    await Promise.all(busy);
    expect(ranges(line.log)).toEqual(Array.from({ length: CONCURRENCY }, (_, index) => [index * MiB, MiB]));
  });

  it('gives every reader the bytes it asked for, or the reason why not, whatever the mixture', async () => {
    const read = fc.record({
      offset: fc.oneof(
        fc.nat(file.byteLength - 1),
        fc.nat(20).map((index) => index * 40_000),
      ),
      length: fc.oneof(fc.constant(40_000), fc.integer({ min: 1, max: 300_000 }), fc.constant(1_200_000)),
      askedAfter: fc.nat(3),
      givesUpAfter: fc.option(fc.nat(12), { freq: 3, nil: undefined }),
    });
    const world = fc.record({
      reads: fc.array(read, { minLength: 1, maxLength: 24 }),
      pieceBytes: fc.integer({ min: 20_000, max: 500_000 }),
      badOffsets: fc.array(fc.nat(file.byteLength - 1), { maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(world, async ({ reads, pieceBytes, badOffsets }) => {
        const line = new TestLine(pieceBytes, badOffsets);
        const asked = reads.map(async ({ offset, length, askedAfter, givesUpAfter }) => {
          const end = Math.min(offset + length, file.byteLength);
          const giver = new AbortController();
          for (let i = 0; i < askedAfter; i++) await turn();
          const result = line.reads.read(offset, end - offset, giver.signal).then(
            (bytes) => ({ bytes, hadGivenUp: giver.signal.aborted }),
            (thrown: unknown) => ({ code: EngineError.from(thrown).code, hadGivenUp: giver.signal.aborted }),
          );
          if (givesUpAfter !== undefined) {
            for (let i = 0; i < givesUpAfter; i++) await turn();
            giver.abort();
          }
          return { offset, end, ...(await result) };
        });
        for (const { offset, end, hadGivenUp, ...outcome } of await Promise.all(asked)) {
          const covering = line.log.filter((download) => download.offset <= offset && download.offset + download.length >= end);
          if ('bytes' in outcome) {
            expect(outcome.bytes.byteLength).toBe(end - offset);
            expect(outcome.bytes.buffer.byteLength).toBe(end - offset);
            if (Buffer.compare(outcome.bytes, file.subarray(offset, end)) !== 0) throw new Error(`other bytes than those from ${offset} to ${end}`);
            expect(badOffsets.some((bad) => bad >= offset && bad < end)).toBe(false);
          } else if (outcome.code === 'aborted') {
            expect(hadGivenUp).toBe(true);
          } else {
            expect(outcome.code).toBe('source-network');
            expect(covering.some((download) => download.outcome === 'failed')).toBe(true);
          }
        }
        for (let i = 0; line.log.some(({ outcome }) => outcome === 'running') && i < 100; i++) await turn();
        expect(line.log.filter(({ outcome }) => outcome === 'running')).toEqual([]);
        expect(line.mostOpen).toBeLessThanOrEqual(CONCURRENCY);
        const isAsked = (wanted: LoggedDownload) =>
          reads.some(({ offset, length }) => offset === wanted.offset && Math.min(offset + length, file.byteLength) === offset + wanted.length);
        for (const download of line.log) if (download.length > MERGE_MAX_BYTES) expect(isAsked(download)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
