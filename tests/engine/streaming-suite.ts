// Streamed equals resident, whatever happens: every policy, every budget, budgets that change in mid-answer, reads that come late or fail. After a failure the same
// request is made again, on the cache as the failure left it.

import { describe, expect } from 'vitest';
import type { GenerateRequest } from '../../src/core/api';
import { EngineError } from '../../src/core/errors';
import { Random } from '../../src/core/random';
import type { EngineCore } from '../../src/engine/engine-core';
import type { Source } from '../../src/formats/source';
import { type Bench, type Lab, type Recording, record } from '../support/engine-lab';
import { type StreamingCase, Trouble, casesOf } from '../support/streaming-case';

export interface StreamedModel {
  readonly title: string;
  readonly seed: number;
  readonly source: () => Promise<Source>;
  /** Token ids below this are ordinary ones. */
  readonly vocabulary: number;
  readonly promptLengths: readonly number[];
  readonly tokenCount: number;
}

/** A failure comes about once in 200 reads; so often in a row none goes through. */
const MAX_ATTEMPTS = 200;

/** `share`: only every so-manieth case. */
export function streamingSuite(lab: Lab, models: readonly StreamedModel[], share = 1): void {
  describe.each(models)('$title', (model) => {
    lab.test('streamed equals resident under every policy and budget', async (bench) => {
      const source = await model.source();
      const resident = await bench.open(source);
      const expected = new Map<number, Recording>();
      const cases = casesOf(model.seed).filter((_, i) => i % share === model.seed % share);
      const seen = { failures: 0, delays: 0, budgets: 0, halts: 0 };
      for (const [i, streaming] of cases.entries()) {
        const length = model.promptLengths[i % model.promptLengths.length]!;
        const request = requestOf(model, length);
        if (!expected.has(length)) expected.set(length, await record(resident, request));
        const trouble = new Trouble(streaming);
        const streamed = await stream(bench, source, streaming, trouble, request);
        expect(streamed.fingerprint, `${streaming.title}, prompt of ${length}`).toEqual(expected.get(length)!.fingerprint);
        seen.failures += trouble.failureCount;
        seen.delays += trouble.delayCount;
        seen.budgets += trouble.budgetCount;
        seen.halts += streamed.result.stats.halts;
      }
      // Otherwise nothing was tried.
      expect(seen.delays).toBeGreaterThan(0);
      expect(seen.budgets).toBeGreaterThan(0);
      expect(seen.halts).toBeGreaterThan(0);
      if (share === 1) expect(seen.failures).toBeGreaterThan(0);
    });
  });
}

function requestOf({ seed, vocabulary, tokenCount }: StreamedModel, length: number): GenerateRequest {
  const random = new Random(seed + length);
  const tokens = Array.from({ length }, () => random.integer(0, vocabulary - 1));
  return { tokens, maxTokens: tokenCount, temperature: 0.9, topP: 0.95, seed, ignoreEos: true };
}

async function stream(bench: Bench, source: Source, { policy, budget }: StreamingCase, trouble: Trouble, request: GenerateRequest): Promise<Recording> {
  const core: EngineCore = await bench.open(source, { policy, budget, wrapFetch: trouble.wrapFetch });
  trouble.isCalm = false;
  const onToken = () => {
    const gpuBytes = trouble.nextBudget();
    if (gpuBytes !== undefined) void core.setBudget({ gpuBytes });
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return await record(core, request, { onToken });
    } catch (thrown) {
      if (!(thrown instanceof EngineError) || thrown.code !== 'source-network' || attempt === MAX_ATTEMPTS) throw thrown;
    }
  }
}
