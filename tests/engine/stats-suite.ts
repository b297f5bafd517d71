// What `stats` says is complete, and agrees with what the backend counted.

import { expect } from 'vitest';
import type { EngineStats } from '../../src/core/api';
import { GREEDY, type Lab } from '../support/engine-lab';
import { goldenPrompt } from '../support/golden';

/** One of each kind of value, so that the compiler holds this to the type. */
const COMPLETE: EngineStats = {
  backend: 'cpu',
  adapter: 'name',
  promptTokens: 1,
  generatedTokens: 1,
  prefillTokensPerSecond: 1,
  decodeTokensPerSecond: 1,
  dispatchesPerToken: 1,
  readbacksPerToken: 1,
  buffersCreatedInDecode: 1,
  expertHits: 1,
  expertMisses: 1,
  halts: 1,
  missingLayers: 1,
  loads: { all: 1, lookAhead: 1, lookAheadUsed: 1 },
  elapsedMs: 1,
  times: { computeMs: 1, haltMs: 1, readMs: 1, checksumMs: 1, uploadMs: 1, waitMs: 1 },
  bytesRead: { ram: 1, disk: 1, network: 1 },
  bytesUploaded: 1,
  bytesHeld: { gpuExperts: 1, gpuTrunk: 1, gpuOther: 1, ram: 1, disk: 1 },
  expertsHeld: { gpu: 1, ram: 1, disk: 1, total: 1 },
  budget: {
    requestedGpuBytes: 1,
    gpuBytes: 1,
    gpuSlots: 1,
    minimumGpuSlots: 1,
    ramBytes: 1,
    tokenCycleBytes: 1,
    expertTotalBytes: 1,
    verdict: 'ok',
    recommendedGpuBytes: 1,
  },
  policy: 'name',
  store: 'name',
  recordsRepaired: 1,
  notices: [],
};

export function statsSuite(lab: Lab): void {
  lab.demoTest('stats are complete and agree with the counters', async (core, { backend }) => {
    const { tokens } = goldenPrompt('code');
    const before = { ...backend.counters };
    const { stats } = await core.generate({ ...GREEDY, tokens, maxTokens: 5 });
    expectSameShape(stats, COMPLETE, 'stats');
    expect(stats).toMatchObject({ backend: backend.kind, adapter: backend.adapterName, promptTokens: tokens.length, generatedTokens: 5 });
    expect(stats.prefillTokensPerSecond).toBeGreaterThan(0);
    expect(stats.decodeTokensPerSecond).toBeGreaterThan(0);
    expect(Object.values(stats.times).reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(stats.elapsedMs);
    expect(stats.bytesUploaded).toBe(backend.counters.bytesUploaded - before.bytesUploaded);
    expect(stats.dispatchesPerToken * 5).toBeLessThan(backend.counters.dispatches - before.dispatches);
    expect(stats.bytesHeld.gpuExperts).toBe(stats.budget.gpuBytes);
    expect(stats.bytesHeld.gpuExperts + stats.bytesHeld.gpuTrunk + stats.bytesHeld.gpuOther).toBe(backend.allocatedBytes);
    expect(core.stats()).toEqual(stats);
  });
}

/** The same keys all the way down; numbers are finite and not negative, texts not empty. */
function expectSameShape(actual: unknown, model: unknown, path: string): void {
  if (Array.isArray(model)) {
    expect(Array.isArray(actual), path).toBe(true);
    return;
  }
  if (typeof model === 'object' && model !== null) {
    expect(Object.keys(actual as object).sort(), path).toEqual(Object.keys(model).sort());
    for (const [key, value] of Object.entries(model)) expectSameShape((actual as Record<string, unknown>)[key], value, `${path}.${key}`);
    return;
  }
  expect(typeof actual, path).toBe(typeof model);
  if (typeof actual === 'string') expect(actual, path).not.toBe('');
  else expect(Number.isFinite(actual) && (actual as number) >= 0, `${path} is ${String(actual)}`).toBe(true);
}
