// Streamed equals resident, whatever happens: every policy, every budget, budgets that change in mid-answer, free slots filled meanwhile, reads that come late or fail. After a failure the same
// request is made again, on the cache as the failure left it.

import { expect } from 'vitest';
import type { GenerateRequest } from '../../src/core/api';
import { EngineError } from '../../src/core/errors';
import { Random } from '../../src/core/random';
import { TIER_INDEX } from '../../src/core/routing-frame';
import type { EngineCore } from '../../src/engine/engine-core';
import type { Source } from '../../src/formats/source';
import { type Lab, type Recording, record } from '../support/engine-lab';
import { MAX_ATTEMPTS, Trouble, casesOf } from '../support/streaming-case';

export interface StreamedModel {
  readonly title: string;
  readonly seed: number;
  readonly source: () => Promise<Source>;
  /** Token ids below this are ordinary ones. */
  readonly vocabulary: number;
  readonly promptLengths: readonly number[];
  readonly tokenCount: number;
}

interface Expected {
  readonly fingerprint: Recording['fingerprint'];
  /** Experts that the prompt is routed to, once each, as indices of EngineCore.residency(). */
  readonly promptExperts: readonly number[];
}

/** `share`: only every so-manieth case. */
export function streamingSuite(lab: Lab, models: readonly StreamedModel[], share = 1): void {
  for (const model of models) {
    lab.test(`streamed equals resident under every policy and budget: ${model.title}`, async (bench) => {
      const source = await model.source();
      const resident = await bench.open(source);
      const expected = new Map<number, Expected>();
      const cases = casesOf(model.seed).filter((_, i) => i % share === model.seed % share);
      const seen = { promptFailures: 0, answerFailures: 0, guessFailures: 0, delays: 0, budgets: 0, halts: 0 };
      for (const [i, streaming] of cases.entries()) {
        const length = model.promptLengths[i % model.promptLengths.length]!;
        const title = `${streaming.title}, prompt of ${length}`;
        const request = requestOf(model, length);
        const { fingerprint, promptExperts } = expected.get(length) ?? (await recordResident(resident, request));
        expected.set(length, { fingerprint, promptExperts });
        const trouble = new Trouble(streaming);
        const core = await bench.open(source, { ...streaming, wrapFetch: trouble.wrapFetch });
        const residency = core.residency();
        trouble.begin(promptExperts.filter((expert) => residency[expert] !== TIER_INDEX.gpu).length);
        const streamed = await recordStreamed(core, request, trouble);
        expect(streamed.fingerprint, title).toEqual(fingerprint);
        const { prompt, answer, guess } = trouble.failureCounts;
        expect(prompt + answer > 0, `${title}: a read failed`).toBe(trouble.readCount > 0);
        seen.promptFailures += prompt;
        seen.answerFailures += answer;
        seen.guessFailures += guess;
        seen.delays += trouble.delayCount;
        seen.budgets += trouble.budgetCount;
        seen.halts += streamed.result.stats.halts;
      }
      // Otherwise nothing was tried.
      for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(0);
    });
  }
}

function requestOf({ seed, vocabulary, tokenCount }: StreamedModel, length: number): GenerateRequest {
  const random = new Random(seed + length);
  const tokens = Array.from({ length }, () => random.integer(0, vocabulary - 1));
  return { tokens, maxTokens: tokenCount, temperature: 0.9, topP: 0.95, seed, ignoreEos: true };
}

async function recordResident(core: EngineCore, request: GenerateRequest): Promise<Expected> {
  const { layerCount, expertCount, topK } = core.shape;
  const promptExperts = new Set<number>();
  core.onRouting = ({ phase, routes }) => {
    if (phase === 'prefill') routes.expertIds.forEach((expert, i) => promptExperts.add((Math.floor(i / topK) % layerCount) * expertCount + expert));
  };
  const { fingerprint } = await record(core, request);
  return { fingerprint, promptExperts: [...promptExperts] };
}

async function recordStreamed(core: EngineCore, request: GenerateRequest, trouble: Trouble): Promise<Recording> {
  const onToken = () => {
    const gpuBytes = trouble.afterToken();
    if (gpuBytes !== undefined) void core.setBudget({ gpuBytes }).then(() => core.fillFreeSlots());
  };
  for (let attempt = 1; ; attempt++) {
    trouble.beginAttempt();
    try {
      return await record(core, request, { onToken });
    } catch (thrown) {
      if (!(thrown instanceof EngineError) || thrown.code !== 'source-network' || attempt === MAX_ATTEMPTS) throw thrown;
    }
  }
}
