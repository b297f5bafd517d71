// Every architecture against llama.cpp's answers for the same small random model: greedy tokens and log-probabilities after a prompt. Decode is checked by
// feeding the golden tokens one by one through generate; log-probabilities of each step come from the logits of the prompt that ends there.

import { expect, test } from 'vitest';
import type { Backend } from '../../src/core/backend';
import { MemorySource } from '../../src/formats/memory-source';
import { goldenOf } from '../support/architectures/golden';
import { type ArchitectureCase, ARCHITECTURE_CASES, caseBytes } from '../support/architectures/index';
import { openCore } from '../support/open-core';

/** Of next-token log-probabilities; the goldens are f32 arithmetic on the same weights, summed in another order. */
export const LOG_PROBABILITY_TOLERANCE = 0.01;

export function architectureTests(createBackend: () => Promise<Backend | undefined>, cases: readonly ArchitectureCase[] = ARCHITECTURE_CASES): void {
  test.each(cases.map((one) => [one.name, one] as const))('%s answers as llama.cpp does', async (name, one) => {
    const backend = await createBackend();
    if (!backend) return;
    const golden = goldenOf(name);
    const core = await openCore(backend, new MemorySource(caseBytes(one, golden.seed), name), { budget: '50%' });
    try {
      const { tokens } = await core.generate({ tokens: golden.promptTokens, temperature: 0, maxTokens: golden.greedyTokens.length, ignoreEos: true });
      for (const step of [0, golden.steps.length - 1]) {
        const { logits } = await core.logits([...golden.promptTokens, ...golden.greedyTokens.slice(0, step)]);
        const found = logSoftmax(logits);
        const { tokens: ids, logProbabilities } = golden.steps[step]!;
        const worst = Math.max(...ids.map((id, i) => Math.abs(found[id]! - logProbabilities[i]!)));
        expect(worst, `largest difference of a log-probability at step ${step}`).toBeLessThan(LOG_PROBABILITY_TOLERANCE);
      }
      expect(tokens).toEqual(golden.greedyTokens);
    } finally {
      await core.dispose();
    }
  });
}

function logSoftmax(logits: Float32Array): number[] {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const total = logits.reduce((sum, z) => sum + Math.exp(z - highest), 0);
  return Array.from(logits, (z) => z - highest - Math.log(total));
}
