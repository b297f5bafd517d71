// Synthetic traces show the statistics that they were made from.

import { describe, expect, test } from 'vitest';
import { reuseRatio } from '../../src/probe/metrics/load';
import { SYNTHETIC_MODELS, syntheticTrace } from '../../src/probe/synthetic';
import { hitCurve } from '../../src/scheduler/hit-curve';

const traceOf = (name: string) => syntheticTrace(SYNTHETIC_MODELS[name]!, 1500, 1);
const percentOf = (name: string, policy: string, share: number) => {
  const trace = traceOf(name);
  return 100 * hitCurve(trace, policy, [Math.round(trace.layerCount * trace.expertCount * share)])[0]!.hitRate;
};
const expectWithin = (value: number, low: number, high: number) => {
  expect(value).toBeGreaterThanOrEqual(low);
  expect(value).toBeLessThanOrEqual(high);
};

describe('synthetic traces', () => {
  test('qwen3-30b: reuse, and hits with 22 % of the experts', () => {
    expectWithin(100 * reuseRatio(traceOf('qwen3-30b')), 43.3 - 2, 43.3 + 2);
    expectWithin(percentOf('qwen3-30b', 'lru', 0.216), 80.3 - 2, 80.3 + 2);
    expectWithin(percentOf('qwen3-30b', 'belady', 0.216), 92.7 - 2, 92.7 + 2);
  });

  test('gpt-oss-120b: reuse, and the cliff below one token’s cycle', () => {
    expectWithin(100 * reuseRatio(traceOf('gpt-oss-120b')), 16, 20);
    const cycleShare = 4 / 128;
    expect(percentOf('gpt-oss-120b', 'lru/none', 0.83 * cycleShare)).toBe(0);
    expect(percentOf('gpt-oss-120b', 'forecast', 0.83 * cycleShare)).toBeGreaterThan(10);
  });

  test('blockffn: reuse', () => expectWithin(100 * reuseRatio(traceOf('blockffn')), 87, 90));

  test('are a function of their seed, with different experts in every route', () => {
    const statistics = { ...SYNTHETIC_MODELS['qwen3-30b']!, layerCount: 2 };
    const trace = syntheticTrace(statistics, 100, 7);
    expect(syntheticTrace(statistics, 100, 7)).toEqual(trace);
    expect(syntheticTrace(statistics, 100, 8)).not.toEqual(trace);
    for (let at = 0; at < trace.expertIds.length; at += 8) expect(new Set(trace.expertIds.subarray(at, at + 8)).size).toBe(8);
  });
});
