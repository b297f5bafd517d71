// Looking ahead on the demo model: the same tokens, at most half of the halts, for at most 1.6 times the loads. `sluice bench --backend cpu` measures it at length.

import { describe, expect, test } from 'vitest';
import type { Budget } from '../../src/core/api';
import type { EngineCore } from '../../src/engine/engine-core';
import { demoSource } from '../support/demo-model';
import { cpuBackend } from '../support/engine-backends';
import { GOLDEN_PROMPTS } from '../support/golden';
import { openCore } from '../support/open-core';

const TOKENS_PER_ANSWER = 24;

describe.each(['12.5%', '25%', '50%'] as const)('at %s', (budget) => {
  test('half of the halts for little more loads, and no other token', { timeout: 240_000 }, async () => {
    const without = await answers(budget, 0);
    const ahead = await answers(budget, 6);
    expect(ahead.tokens).toEqual(without.tokens);
    expect(without.halts).toBe(without.missingLayers);
    expect(without.guesses).toBe(0);
    expect(ahead.halts).toBeLessThanOrEqual(0.5 * without.missingLayers);
    expect(ahead.loads).toBeLessThanOrEqual(1.6 * without.loads);
    expect(ahead.guessesUsed).toBeGreaterThan(0.5 * ahead.guesses);
  });
});

async function answers(budget: Budget, lookAheadLayers: number) {
  const core: EngineCore = await openCore((await cpuBackend())!, await demoSource(), { budget, lookAheadLayers });
  const sum = { tokens: [] as number[][], halts: 0, missingLayers: 0, loads: 0, guesses: 0, guessesUsed: 0 };
  for (const { tokens } of GOLDEN_PROMPTS) {
    const answer = await core.generate({ tokens, maxTokens: TOKENS_PER_ANSWER, temperature: 0.8, seed: 3, ignoreEos: true });
    const { halts, missingLayers, loads } = answer.stats;
    sum.tokens.push([...answer.tokens]);
    sum.halts += halts;
    sum.missingLayers += missingLayers;
    sum.loads += loads.all;
    sum.guesses += loads.lookAhead;
    sum.guessesUsed += loads.lookAheadUsed;
  }
  await core.dispose();
  return sum;
}
