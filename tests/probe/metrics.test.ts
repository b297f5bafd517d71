// The metrics against their definitions, written again in the plainest way, on hand-made and random traces.

import { describe, expect, test } from 'vitest';
import { affinity, affinityCounts } from '../../src/probe/metrics/affinity';
import { divergence, jensenShannon, meanRoute, routingDivergence } from '../../src/probe/metrics/divergence';
import { chunkSparsity, loadImbalance, loadOf, reuseRatio } from '../../src/probe/metrics/load';
import { offloadingVerdict } from '../../src/probe/metrics/offloading';
import { sch } from '../../src/probe/metrics/sch';
import { srp } from '../../src/probe/metrics/srp';
import { syntheticTrace, SYNTHETIC_MODELS } from '../../src/probe/synthetic';
import type { Trace } from '../../src/probe/trace';
import { DOMAINS, routesOf } from '../support/golden-routes';
import { randomTrace } from '../support/random-trace';

/** routes: [token][layer] experts. */
function traceOf(routes: ReadonlyArray<ReadonlyArray<readonly number[]>>, expertCount: number): Trace {
  const tokenCount = routes.length;
  return {
    layerCount: routes[0]!.length,
    expertCount,
    topK: routes[0]![0]!.length,
    tokenCount,
    positions: Uint32Array.from(routes.keys()),
    phases: new Uint8Array(tokenCount),
    expertIds: Uint16Array.from(routes.flat(2)),
  };
}

const oneLayer = (routes: ReadonlyArray<readonly number[]>, expertCount: number) =>
  traceOf(
    routes.map((route) => [route]),
    expertCount,
  );

/** [token] the set of one layer. */
const setsOf = ({ tokenCount, layerCount, topK, expertIds }: Trace, layer: number) =>
  Array.from({ length: tokenCount }, (_, token) => Array.from(expertIds.slice((token * layerCount + layer) * topK, (token * layerCount + layer + 1) * topK)));

const randomTraces = Array.from({ length: 40 }, (_, seed) =>
  randomTrace({ layerCount: 1 + (seed % 3), expertCount: 5 + (seed % 7), topK: 1 + (seed % 3), tokenCount: 30 + seed, seed }),
);

function srpByDefinition(trace: Trace, windowTokens: number): { srp: number; sizeRatio: number } {
  const counts: number[] = [];
  for (let layer = 0; layer < trace.layerCount; layer++) {
    const sets = setsOf(trace, layer);
    for (let expert = 0; expert < trace.expertCount; expert++) {
      for (let start = 0; start + windowTokens <= trace.tokenCount; start++) {
        counts.push(sets.slice(start, start + windowTokens).filter((set) => set.includes(expert)).length);
      }
    }
  }
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const act = sum(counts);
  let best = { srp: 0, sizeRatio: 0 };
  for (let a = 1; a <= windowTokens; a++) {
    const predicted = counts.filter((f) => f >= a);
    const f1 = (2 * sum(predicted)) / (windowTokens * predicted.length + act);
    if (f1 > best.srp + 1e-12) best = { srp: f1, sizeRatio: (windowTokens * predicted.length) / act };
  }
  return best;
}

/** The rule of the definition over plain arrays; a key is "layer/expert". */
function schByDefinition(trace: Trace, m: number, slots: number, layers: readonly number[], isProtected: boolean): number {
  const tokens = Array.from({ length: trace.tokenCount }, (_, t) => layers.flatMap((layer) => setsOf(trace, layer)[t]!.map((expert) => `${layer}/${expert}`)));
  // cnt[x] while token i is worked on: uses in i … i + m - 1, less what of token i is already done.
  const cntAt = (i: number, done: readonly string[], key: string) =>
    tokens
      .slice(i, i + m)
      .flat()
      .filter((used) => used === key).length - done.filter((used) => used === key).length;
  const order: string[] = [];
  const seen: string[] = [];
  let cache: string[] = [];
  let hits = 0;
  tokens.forEach((keys, i) => {
    const atStart = [...cache];
    for (const key of keys) {
      if (atStart.includes(key) || (!seen.includes(key) && seen.length < slots)) hits++;
      if (!seen.includes(key)) seen.push(key);
    }
    const done: string[] = [];
    for (const key of keys) {
      done.push(key);
      order.push(key);
      if (cache.includes(key)) continue;
      if (cache.length >= slots) {
        const free = cache.filter((other) => !isProtected || !keys.includes(other));
        const worst = (free.length > 0 ? free : [...cache]).sort(
          (a, b) => cntAt(i, done, a) - cntAt(i, done, b) || order.lastIndexOf(a) - order.lastIndexOf(b),
        )[0]!;
        cache = cache.filter((other) => other !== worst);
      }
      cache.push(key);
    }
  });
  return hits;
}

describe('SRP', () => {
  test('by hand: one expert for four tokens, then another', () => {
    // Windows of 2: expert 0 has f = 2 2 2 1 0 0 0, expert 1 mirrored. a = 2: TP 12, predictions 12, uses 14. a = 1: TP 14, predictions 16.
    const trace = oneLayer([[0], [0], [0], [0], [1], [1], [1], [1]], 2);
    expect(srp(trace, 2)).toEqual({ srp: 14 / 15, sizeRatio: 16 / 14, threshold: 1 });
    expect(srp(oneLayer([[0], [0], [0]], 4), 2).srp).toBe(1);
    expect(srp(trace, 9).srp).toBe(0);
  });

  test('is the definition on random traces, and one threshold for all', () => {
    for (const trace of randomTraces) {
      for (const m of [1, 2, 4, 16]) {
        const expected = srpByDefinition(trace, m);
        expect(srp(trace, m).srp).toBeCloseTo(expected.srp, 12);
        expect(srp(trace, m).sizeRatio).toBeCloseTo(expected.sizeRatio, 12);
      }
      const layers = Array.from({ length: trace.layerCount }, (_, layer) => srp(trace, 4, layer).srp);
      expect(srp(trace, 4).srp).toBeLessThanOrEqual(Math.max(...layers) + 1e-12);
    }
  });
});

describe('SCH', () => {
  test('by hand: two slots, three experts in turn', () => {
    // 0 and 1 are preloaded. 2 replaces 0, which is as wanted as 1 but older; 0 replaces 1; 1 replaces 0, which is not wanted again; 2 hits.
    const trace = oneLayer([[0], [1], [2], [0], [1], [2]], 3);
    const rate = (windowTokens: number) => sch(trace, { windowTokens, slotsPerLayer: 2, variant: 'sequential' });
    expect(rate(6)).toBeCloseTo(3 / 6, 12);
    // Knowing nothing it is the least recently used.
    expect(rate(1)).toBeCloseTo(2 / 6, 12);
  });

  test('is the definition on random traces, per layer and jointly, both variants', () => {
    for (const trace of randomTraces.slice(0, 20)) {
      const all = Array.from({ length: trace.layerCount }, (_, layer) => layer);
      for (const variant of ['sequential', 'protected'] as const) {
        for (const [windowTokens, slotsPerLayer] of [
          [1, 2],
          [4, 3],
          [16, 4],
        ] as const) {
          const options = { windowTokens, slotsPerLayer, variant };
          const apart = all.reduce((hits, layer) => hits + schByDefinition(trace, windowTokens, slotsPerLayer, [layer], variant === 'protected'), 0);
          const joint = schByDefinition(trace, windowTokens, slotsPerLayer * all.length, all, variant === 'protected');
          expect(sch(trace, options) * trace.expertIds.length).toBeCloseTo(apart, 6);
          expect(sch(trace, { ...options, isJoint: true }) * trace.expertIds.length).toBeCloseTo(joint, 6);
        }
      }
    }
  });
});

describe('load and reuse', () => {
  test('by hand', () => {
    const trace = oneLayer(
      [
        [0, 1],
        [1, 2],
        [1, 2],
        [4, 5],
      ],
      8,
    );
    expect(reuseRatio(trace)).toBeCloseTo((0.5 + 1 + 0) / 3, 12);
    expect(chunkSparsity(trace, 1)).toBe(0.75);
    expect(chunkSparsity(trace, 2)).toBeCloseTo((5 / 8 + 4 / 8) / 2, 12);
    expect([...loadOf(trace, 0)]).toEqual([0.25, 0.75, 0.5, 0, 0.25, 0.25, 0, 0]);
    const { deviationPercent, maxViolation, entropy } = loadImbalance(trace, 0);
    expect(maxViolation).toBeCloseTo(2, 12);
    expect(deviationPercent).toBeCloseTo(100 * Math.sqrt((0.0625 * 3 + 0.5625 + 0.25) / 8 - 0.0625), 10);
    expect(entropy).toBeCloseTo(-(3 * 0.125 * Math.log(0.125) + 0.375 * Math.log(0.375) + 0.25 * Math.log(0.25)), 12);
  });

  test('all experts alike: no imbalance, full entropy', () => {
    const even = loadImbalance(
      oneLayer(
        [
          [0, 1],
          [2, 3],
        ],
        4,
      ),
      0,
    );
    expect(even.deviationPercent).toBeCloseTo(0, 12);
    expect(even.maxViolation).toBeCloseTo(0, 12);
    expect(even.entropy).toBeCloseTo(Math.log(4), 12);
  });

  test('recorded: neighbouring tokens share 30 % of their experts', () => {
    expect(reuseRatio(routesOf(DOMAINS, 0, 1024))).toBeCloseTo(0.3, 2);
  });
});

describe('affinity', () => {
  test('counts all pairs; rows sum to 1', () => {
    const trace = traceOf(
      [
        [
          [0, 1],
          [2, 3],
        ],
        [
          [0, 2],
          [2, 1],
        ],
      ],
      4,
    );
    const counts = affinityCounts(trace, 0);
    expect([...counts]).toEqual([0, 1, 2, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0]);
    const rows = affinity(trace, 0, 0.5);
    expect(rows[2]).toBeCloseTo(2.5 / 6, 12);
    for (let from = 0; from < 4; from++) expect(rows.subarray(from * 4, from * 4 + 4).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect([...affinity(trace, 0, 0).subarray(12)]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});

describe('divergence', () => {
  const oneHot = (expertCount: number, expert: number) => Float64Array.from({ length: expertCount }, (_, e) => (e === expert ? 1 : 0));

  test('published cases: disjoint one-hots, near-uniform routes', () => {
    expect(divergence(oneHot(8, 0), oneHot(8, 1))).toBeCloseTo(1 / 3, 12);
    expect(divergence(oneHot(64, 0), oneHot(64, 1))).toBeCloseTo(1 / 6, 12);
    expect(divergence(new Float64Array(8).fill(1 / 8), new Float64Array(8).fill(1 / 8))).toBe(0);
    expect(divergence(oneHot(8, 0), oneHot(8, 0))).toBe(0);
  });

  test('is the definition', () => {
    const kl = (p: Float64Array, q: Float64Array) => p.reduce((sum, share, e) => (share > 0 ? sum + share * Math.log(share / q[e]!) : sum), 0);
    for (const trace of randomTraces.slice(1, 20)) {
      const other = { ...trace, expertIds: trace.expertIds.map((expert) => (expert * 2) % trace.expertCount) };
      const [p, q] = [meanRoute(trace, 0), meanRoute(other, 0)];
      const middle = p.map((share, e) => (share + q[e]!) / 2);
      expect(p.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
      expect(jensenShannon(p, q)).toBeCloseTo(0.5 * kl(p, middle) + 0.5 * kl(q, middle), 10);
      expect(routingDivergence(trace, other, 0)).toBeCloseTo(routingDivergence(other, trace, 0), 12);
    }
  });

  test('weights count', () => {
    const trace: Trace = { ...oneLayer([[0, 1]], 4), weights: Float32Array.of(3, 1) };
    expect([...meanRoute(trace, 0)]).toEqual([0.75, 0.25, 0, 0]);
  });
});

describe('offloading verdict', () => {
  test('routes that stay suit it, routes at random do not', () => {
    const stays = syntheticTrace(SYNTHETIC_MODELS['blockffn']!, 400, 1);
    expect(offloadingVerdict(stays).verdict).toBe('good');
    const random = randomTrace({ layerCount: 2, expertCount: 64, topK: 2, tokenCount: 400, seed: 1 });
    expect(offloadingVerdict(random).verdict).toBe('poor');
    const { sch16 } = offloadingVerdict(stays);
    expect(sch16.map(({ cacheRatio }) => cacheRatio)).toEqual([1, 2, 3]);
    expect(sch16[0]!.hitRate).toBeLessThan(sch16[2]!.hitRate);
  });
});
