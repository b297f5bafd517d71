// Thousands of damaged files of every architecture: whatever the bytes, the answer is a model or an EngineError, soon, and without a large allocation.
// `npm run fuzz` reads 100,000 of them.

import { describe, expect, it } from 'vitest';
import { KiB, MiB } from '../../src/core/units';
import { heldBytes } from '../support/allocations';
import { fuzzBases, fuzzedFile, readFuzzed, type FuzzFile, type FuzzResult } from '../support/fuzz-gguf';

const COUNT = Number(process.env['FUZZ_COUNT'] ?? 3000);
const FIRST_SEED = Number(process.env['FUZZ_FIRST_SEED'] ?? 1);
const SLOWEST_MS = 1000;
const TIMEOUT_MS = 60_000 + 30 * COUNT;
/** Blocks up to this are not weighed against the file: a template of a few bytes may ask for a list of 10,000 numbers, and no longer one. */
const SMALL_BLOCK_BYTES = 80_000;
/** Garbage of one file that is not collected yet: a template that is stopped leaves half of this. */
const GARBAGE_BYTES = 32 * MiB;
/** What is held of a batch is measured after a collection, which takes as long as reading twenty files. */
const BATCH = 100;
/** What stays of one file whatever its size: the objects of the tokenizer and of the parsed template. */
const HELD_PER_FILE_BYTES = 64 * KiB;

/** What damaged files come to. Each must be seen often, else the damage misses a stage. */
const LEAST_SHARE = 0.01;
const OUTCOMES = [
  ...['accepted', 'header: not-gguf', 'header: file-corrupt', 'header: file-truncated', 'header: unsupported-tensor-type', 'spec: file-corrupt'],
  ...['spec: tensor-mismatch', 'spec: tensor-missing', 'tokenizer: file-corrupt', 'template: invalid-template'],
];

describe('damaged files', () => {
  it(
    `${COUNT} of them give a model or an EngineError`,
    async () => {
      const bases = fuzzBases();
      for (const base of bases) expect((await readFuzzed(base)).outcome, base.name).toBe('accepted');
      const seen = new Map<string, number>();
      const worst = {
        milliseconds: 0,
        slowestSeed: 0,
        readerBlocksPerInput: 0,
        largestBlockPerInput: 0,
        garbageBytes: 0,
        heldPerInput: 0,
        heldBytesPerFile: 0,
      };
      const startedAt = performance.now();
      for (let first = FIRST_SEED; first < FIRST_SEED + COUNT; first += BATCH) {
        const kept: unknown[] = [];
        let inputBytes = 0;
        const before = await heldBytes();
        const count = Math.min(BATCH, FIRST_SEED + COUNT - first);
        for (let seed = first; seed < first + count; seed++) {
          const fuzzed = fuzzedFile(bases, seed);
          const { sizeBytes } = fuzzed;
          const what = `seed ${seed}, from ${fuzzed.base}`;
          const result = await readUnhurried(fuzzed, what);
          kept.push(result.made);
          inputBytes += sizeBytes;
          const { largestBlockBytes, heapGrowthBytes } = result.allocations;
          const readerBytes = result.readerAllocations.blockBytes;
          if (result.milliseconds > SLOWEST_MS) throw new Error(`${what}: ${result.milliseconds} ms`);
          if (result.readBytes > sizeBytes) throw new Error(`${what}: ${result.readBytes} bytes read of a file of ${sizeBytes}`);
          if (readerBytes > 2 * sizeBytes) throw new Error(`${what}: the reader made blocks of ${readerBytes} bytes for a file of ${sizeBytes}`);
          if (largestBlockBytes > Math.max(2 * sizeBytes, SMALL_BLOCK_BYTES)) throw new Error(`${what}: ${largestBlockBytes} bytes at once`);
          if (heapGrowthBytes > GARBAGE_BYTES + 2 * sizeBytes) throw new Error(`${what}: the heap grew by ${heapGrowthBytes} bytes`);
          if (result.milliseconds > worst.milliseconds) Object.assign(worst, { milliseconds: result.milliseconds, slowestSeed: seed });
          worst.garbageBytes = Math.max(worst.garbageBytes, heapGrowthBytes);
          worst.readerBlocksPerInput = Math.max(worst.readerBlocksPerInput, readerBytes / Math.max(sizeBytes, 1));
          worst.largestBlockPerInput = Math.max(worst.largestBlockPerInput, largestBlockBytes / Math.max(sizeBytes, SMALL_BLOCK_BYTES));
          seen.set(result.outcome, (seen.get(result.outcome) ?? 0) + 1);
        }
        const held = (await heldBytes()) - before;
        worst.heldPerInput = Math.max(worst.heldPerInput, held / inputBytes);
        worst.heldBytesPerFile = Math.max(worst.heldBytesPerFile, held / kept.length);
        if (held > 2 * inputBytes + count * HELD_PER_FILE_BYTES) throw new Error(`seeds from ${first}: ${held} bytes are held of files of ${inputBytes}`);
      }
      const outcomes = [...seen].sort((a, b) => b[1] - a[1]);
      const seconds = (performance.now() - startedAt) / 1000;
      if (process.env['FUZZ_COUNT']) process.stdout.write(`${JSON.stringify({ count: COUNT, seconds, worst, outcomes })}\n`);
      for (const outcome of OUTCOMES) expect(seen.get(outcome) ?? 0, `${outcome} in ${JSON.stringify(outcomes)}`).toBeGreaterThan(LEAST_SHARE * COUNT);
    },
    TIMEOUT_MS,
  );
});

/** A hang comes again, a pause of the machine does not: what was slow is read a second time. */
async function readUnhurried(fuzzed: FuzzFile, what: string): Promise<FuzzResult> {
  try {
    const result = await readFuzzed(fuzzed);
    return result.milliseconds > SLOWEST_MS ? await readFuzzed(fuzzed) : result;
  } catch (cause) {
    throw new Error(what, { cause });
  }
}
