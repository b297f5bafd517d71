// Thousands of damaged files of every architecture: whatever the bytes, the answer is a model or an EngineError, soon, and without a large allocation.
// `npm run fuzz` reads 100,000 of them.

import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/units';
import { fuzzBases, fuzzedFile, readFuzzed, type FuzzFile, type FuzzResult } from '../support/fuzz-gguf';

const COUNT = Number(process.env['FUZZ_COUNT'] ?? 3000);
const FIRST_SEED = Number(process.env['FUZZ_FIRST_SEED'] ?? 1);
const SLOWEST_MS = 1000;
const TIMEOUT_MS = 60_000 + 20 * COUNT;
/** Blocks up to this are not weighed against the file: a template of a few bytes may ask for a list of 10,000 numbers, and no longer one. */
const SMALL_BLOCK_BYTES = 80_000;
/** Objects and strings of one file, with what was thrown away and not collected yet: a template that is stopped leaves half of this. */
const HEAP_BYTES = 32 * MiB;

describe('damaged files', () => {
  it(
    `${COUNT} of them give a model or an EngineError`,
    async () => {
      const bases = fuzzBases();
      for (const base of bases) expect((await readFuzzed(base)).outcome, base.name).toBe('accepted');
      const seen = new Map<string, number>();
      const worst = { milliseconds: 0, heapGrowthBytes: 0, blockPerInput: 0, seed: 0 };
      const startedAt = performance.now();
      for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
        const fuzzed = fuzzedFile(bases, seed);
        const { sizeBytes } = fuzzed;
        const what = `seed ${seed}, from ${fuzzed.base}`;
        const result = await readUnhurried(fuzzed, what);
        const { largestBlockBytes, heapGrowthBytes } = result.allocations;
        if (result.milliseconds > SLOWEST_MS) throw new Error(`${what}: ${result.milliseconds} ms`);
        if (result.readBytes > sizeBytes) throw new Error(`${what}: ${result.readBytes} bytes read of a file of ${sizeBytes}`);
        if (largestBlockBytes > Math.max(2 * sizeBytes, SMALL_BLOCK_BYTES)) throw new Error(`${what}: ${largestBlockBytes} bytes at once`);
        if (heapGrowthBytes > HEAP_BYTES + 2 * sizeBytes) throw new Error(`${what}: the heap grew by ${heapGrowthBytes} bytes`);
        if (result.milliseconds > worst.milliseconds) Object.assign(worst, { milliseconds: result.milliseconds, seed });
        worst.heapGrowthBytes = Math.max(worst.heapGrowthBytes, heapGrowthBytes);
        worst.blockPerInput = Math.max(worst.blockPerInput, largestBlockBytes / Math.max(sizeBytes, SMALL_BLOCK_BYTES));
        seen.set(result.outcome, (seen.get(result.outcome) ?? 0) + 1);
      }
      const outcomes = [...seen].sort((a, b) => b[1] - a[1]);
      const seconds = (performance.now() - startedAt) / 1000;
      if (process.env['FUZZ_COUNT']) process.stdout.write(`${JSON.stringify({ count: COUNT, seconds, worst, outcomes })}\n`);
      // The damage reaches every stage.
      for (const outcome of ['accepted', 'header: not-gguf', 'header: file-corrupt', 'header: file-truncated', 'spec: file-corrupt', 'spec: tensor-mismatch']) {
        expect(seen.get(outcome) ?? 0, JSON.stringify(outcomes)).toBeGreaterThan(0);
      }
      for (const outcome of ['tokenizer: file-corrupt', 'template: invalid-template']) {
        expect(seen.get(outcome) ?? 0, JSON.stringify(outcomes)).toBeGreaterThan(0);
      }
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
