// What the policies hit on recorded routes, against the figures published with them, the exact optimum and each other.

import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, POLICY_NAMES, createPolicy } from '../../src/scheduler/create-policy';
import { SYNTHETIC_MODELS, syntheticTrace } from '../../src/probe/synthetic';
import type { Trace } from '../../src/probe/trace';
import { simulate } from '../../src/scheduler/simulator';
import { expectEngineError } from '../support/expect-engine-error';
import { DOMAINS, routesOf } from '../support/golden-routes';
import { randomTrace } from '../support/random-trace';

const known = new WeakMap<Trace, Map<string, number>>();

/** Hit rate; each is simulated once. */
function percentOf(trace: Trace, policy: string, slotsPerLayer: number): number {
  const rates = known.get(trace) ?? new Map<string, number>();
  known.set(trace, rates);
  const key = `${policy} ${slotsPerLayer}`;
  const rate = rates.get(key) ?? 100 * simulate({ trace, policy, slotCount: slotsPerLayer * trace.layerCount, slotBytes: 1 }).hitRate;
  rates.set(key, rate);
  return rate;
}

/** 7,168 tokens. */
const recorded = routesOf(DOMAINS, 0, 1024);

describe('recorded routes', () => {
  // [slots per layer, one list by last use, the same per layer, faded counts per layer, the optimum per layer]
  test.each([
    [8, 43.0, 46.6, 52.3, 64.1],
    [12, 58.4, 60.5, 66.6, 78.1],
    [16, 71.7, 72.3, 77.3, 86.6],
    [24, 91.5, 90.4, 92.2, 96.2],
  ])('%i slots per layer: the published hit rates', (slots, lruOfAll, lru, lfu, belady) => {
    expect(Math.abs(percentOf(recorded, 'lfu', slots) - lfu)).toBeLessThan(0.1);
    expect(Math.abs(percentOf(recorded, 'belady/even', slots) - belady)).toBeLessThan(0.05);
    // Which of a token's own experts counts as used last is not published; it makes half a point.
    expect(Math.abs(percentOf(recorded, 'lru/none', slots) - lruOfAll)).toBeLessThan(0.5);
    expect(Math.abs(percentOf(recorded, 'lru', slots) - lru)).toBeLessThan(0.5);
  });

  const traces: ReadonlyArray<readonly [string, Trace]> = [
    ['the first 1,024 tokens of each domain', recorded],
    ['all 21,504 tokens', routesOf(DOMAINS, 0, 3072)],
    ['the last 1,024, in reverse order', routesOf([...DOMAINS].reverse(), 2048, 3072)],
    ['the second 1,024, in another order', routesOf(['code', 'wiki', 'french', 'synth', 'german', 'tales', 'tinystories'], 1024, 2048)],
  ];
  test.each(traces)('%s: the default closes the gap between LRU and the optimum', { timeout: 120_000 }, (_name, trace) => {
    const gapClosed = (slots: number) => {
      const lru = percentOf(trace, 'lru/none', slots);
      return (percentOf(trace, DEFAULT_POLICY, slots) - lru) / (percentOf(trace, 'belady/even', slots) - lru);
    };
    expect(gapClosed(8)).toBeGreaterThan(0.45);
    expect(gapClosed(12)).toBeGreaterThan(0.4);
    expect(gapClosed(16)).toBeGreaterThan(0.4);
    for (const slots of [2, 4, 24]) {
      for (const rival of ['lru/none', 'lru']) expect(percentOf(trace, DEFAULT_POLICY, slots)).toBeGreaterThan(percentOf(trace, rival, slots));
    }
  });

  test('the default hits what the bars ask for', () => {
    expect(percentOf(recorded, DEFAULT_POLICY, 8)).toBeGreaterThan(53.3);
    expect(percentOf(recorded, DEFAULT_POLICY, 12)).toBeGreaterThan(67.5);
    expect(percentOf(recorded, DEFAULT_POLICY, 16)).toBeGreaterThan(78.5);
  });

  test('a profile of the same text makes a better start', () => {
    const trace = routesOf(['code'], 0, 1024);
    const earlier = createPolicy(DEFAULT_POLICY, { layerCount: 6, expertCount: 32, expertsPerToken: 4 });
    for (let token = 0; token < 1024; token++) {
      for (let layer = 0; layer < 6; layer++) earlier.touch(layer, trace.expertIds.subarray((token * 6 + layer) * 4, (token * 6 + layer + 1) * 4));
    }
    const profile = earlier.profile();
    for (let layer = 0; layer < 6; layer++) expect(profile.subarray(layer * 32, layer * 32 + 32).reduce((sum, uses) => sum + uses, 0)).toBeCloseTo(4, 4);
    for (const name of POLICY_NAMES) {
      const policy = createPolicy(name, earlier.shape);
      policy.seed(profile);
      const hot = [...profile.subarray(0, 32).keys()].sort((a, b) => profile[b]! - profile[a]!);
      const worth = (expert: number) => policy.value(0, expert);
      expect(worth(hot[0]!), name).toBeGreaterThan(worth(hot[31]!));
      expect(policy.profile()).toEqual(profile);
    }
  });
});

describe('any routes', () => {
  test('no policy beats the optimum', () => {
    for (let seed = 0; seed < 60; seed++) {
      const trace = randomTrace({ layerCount: 1 + (seed % 4), expertCount: 4 + (seed % 9), topK: 1 + (seed % 3), tokenCount: 60, seed });
      for (const slots of [1, 2, 4]) {
        const optimum = percentOf(trace, 'belady', slots);
        for (const policy of [...POLICY_NAMES, 'belady/even', 'lfru/none']) expect(percentOf(trace, policy, slots), policy).toBeLessThanOrEqual(optimum + 1e-9);
      }
    }
  });

  test.each(Object.keys(SYNTHETIC_MODELS))('%s: the default is not far from the best on routes it was not made for', (name) => {
    const trace = syntheticTrace({ ...SYNTHETIC_MODELS[name]!, layerCount: 4 }, 1500, 2);
    for (const share of [0.22, 0.4]) {
      const slots = trace.expertCount * share;
      const best = Math.max(...['lru', 'lru/none', 'lfu'].map((policy) => percentOf(trace, policy, slots)));
      expect(percentOf(trace, DEFAULT_POLICY, slots)).toBeGreaterThan(best - 1);
    }
  });

  test('an order within a layer does not change by what other layers use', () => {
    for (const name of POLICY_NAMES) {
      const policy = createPolicy(name, { layerCount: 3, expertCount: 8, expertsPerToken: 2 });
      const trace = randomTrace({ layerCount: 3, expertCount: 8, topK: 2, tokenCount: 40, seed: 9 });
      const orderOf = (layer: number) => Array.from({ length: 8 }, (_, e) => e).sort((a, b) => policy.value(layer, a) - policy.value(layer, b) || a - b);
      for (let step = 0; step < 120; step++) {
        const before = [orderOf(0), orderOf(1), orderOf(2)];
        policy.touch(step % 3, trace.expertIds.subarray(step * 2, step * 2 + 2));
        for (const other of [0, 1, 2].filter((layer) => layer !== step % 3)) expect(orderOf(other), name).toEqual(before[other]);
      }
    }
  });

  test('names are checked', async () => {
    const shape = { layerCount: 1, expertCount: 2, expertsPerToken: 1 };
    for (const name of ['', 'mru', 'lru/', 'lru/most', 'lru/even/even', 'toString', 'lru/toString', '/even']) {
      await expectEngineError(() => createPolicy(name, shape), 'invalid-argument', /policy/);
    }
    expect(createPolicy('lfu/demand', shape).name).toBe('lfu/demand');
  });
});
