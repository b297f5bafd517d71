// The golden files belong to the models that the generator builds today, and say something: an engine that is held to them reads the file llama.cpp read.

import { describe, expect, test } from 'vitest';
import { FACTS } from '../../support/architectures/facts';
import { GOLDENS, goldenOf } from '../../support/architectures/golden';
import { caseBytes, GOLDEN_CASES, GREEDY_TOKEN_COUNT, promptTokens, xxHash32 } from '../../support/architectures/index';

test('every case has a golden file, and every golden file a case', () => {
  expect([...GOLDENS.keys()].sort()).toEqual(GOLDEN_CASES.map((one) => one.name).sort());
});

test('the arithmetic of every architecture is written down', () => {
  const architectures = new Set(GOLDEN_CASES.map((one) => one.architecture));
  expect(Object.keys(FACTS.architectures).sort()).toEqual([...architectures].sort());
});

describe.each(GOLDEN_CASES.map((one) => [one.name, one] as const))('%s', (name, one) => {
  const golden = goldenOf(name);

  test('is the file that was recorded', () => {
    expect(xxHash32(caseBytes(one, golden.seed))).toBe(golden.fileHash);
    expect(golden.promptTokens).toEqual(promptTokens());
  });

  test('has steps won clearly', () => {
    expect(golden.greedyTokens).toHaveLength(GREEDY_TOKEN_COUNT);
    expect(golden.steps.map((step) => step.tokens[0])).toEqual(golden.greedyTokens);
    for (const { logProbabilities } of golden.steps) {
      const [first = NaN, second = NaN] = logProbabilities;
      expect(Math.exp(first) - Math.exp(second)).toBeGreaterThan(0.02);
      expect(logProbabilities.reduce((sum, value) => sum + Math.exp(value), 0)).toBeLessThanOrEqual(1 + 1e-5);
    }
  });
});
