// Every architecture and block format against llama.cpp's answers for the same small random model: greedy tokens and log-probabilities after a prompt, with
// half of the experts in slots.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend } from '../../src/core/backend';
import { MemorySource } from '../../src/formats/memory-source';
import { goldenOf } from '../support/architectures/golden';
import { type ArchitectureCase, caseBytes } from '../support/architectures/index';
import { logSoftmax } from '../support/compare';
import type { BackendFactory } from '../support/engine-backends';
import { openCore } from '../support/open-core';

/** Of next-token log-probabilities: the goldens are f32 arithmetic on the same weights, summed in another order. */
const LOG_PROBABILITY_TOLERANCE = 0.01;

export function architectureTests(createBackend: BackendFactory, cases: readonly ArchitectureCase[]): void {
  // One backend for all: its pipelines are made once. The engines are not disposed, since that would end the backend.
  let backend: Backend | undefined;
  beforeAll(async () => {
    backend = await createBackend();
  });
  afterAll(() => backend?.dispose());

  test.for(cases.map((one) => [one.name, one] as const))('%s answers as llama.cpp does', async ([name, one], context) => {
    if (!backend) return void context.skip('no WebGPU adapter');
    const golden = goldenOf(name);
    const core = await openCore(backend, new MemorySource(caseBytes(one, golden.seed), name), { budget: '50%', contextLength: 64 });
    const drawn: number[] = [];
    const request = { tokens: golden.promptTokens, temperature: 0, maxTokens: golden.greedyTokens.length, ignoreEos: true };
    const { tokens } = await core.generate(request, { onToken: ({ logprob }) => void drawn.push(logprob) });
    expect(tokens).toEqual(golden.greedyTokens);
    const drift = Math.max(...golden.steps.map(({ logProbabilities }, step) => Math.abs(drawn[step]! - logProbabilities[0]!)));
    expect(drift, 'largest difference of the log-probability of a drawn token').toBeLessThan(LOG_PROBABILITY_TOLERANCE);
    const { logits } = await core.logits(golden.promptTokens);
    const { tokens: ids, logProbabilities } = golden.steps[0]!;
    const worst = Math.max(...ids.map((id, i) => Math.abs(logSoftmax(logits, id) - logProbabilities[i]!)));
    expect(worst, 'largest difference of a log-probability after the prompt').toBeLessThan(LOG_PROBABILITY_TOLERANCE);
  });
}
