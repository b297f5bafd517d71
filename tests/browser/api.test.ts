// The engine of a page on WebGPU, behind its worker: golden tokens and routes, budgets, stopping. One load of the demo model for all, since a software adapter
// takes its time to compile; what loads it twice, a lost device, is tried on the page (tests/e2e/page-webgpu.test.ts).

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RoutingFrame } from '../../src/core/routing-frame';
import type { Engine } from '../../src/worker/client';
import { nmse } from '../support/compare';
import { expectEngineError } from '../support/expect-engine-error';
import { requestTestDevice } from '../support/gpu';
import { type GoldenPrompt, goldenPrompt } from '../support/golden';
import { GREEDY, answerOf, loadDemo } from '../support/page-engine';

const EXPERTS_PER_LAYER = 32;
const ROUTES_PER_TOKEN = 6 * 4;

let engine: Engine | undefined;
let hasAdapter = false;

beforeAll(async () => {
  const found = await requestTestDevice();
  if (!found) return;
  found.device.destroy();
  hasAdapter = true;
  engine = await loadDemo({ backend: 'webgpu' });
});
afterAll(() => engine?.dispose());

function gpuTest(title: string, check: (engine: Engine) => Promise<void>): void {
  test(title, async (context) => {
    if (!hasAdapter || !engine) return void context.skip('no WebGPU adapter');
    await check(engine);
  });
}

/** Collects frames until told to stop. */
function watchRouting(engine: Engine): { readonly frames: RoutingFrame[]; stop(): Promise<void> } {
  const frames: RoutingFrame[] = [];
  let isOver = false;
  const watching = (async () => {
    for await (const frame of engine.routing()) {
      frames.push(frame);
      if (isOver) return;
    }
  })();
  const stop = async (): Promise<void> => {
    isOver = true;
    await engine.setBudget({ gpuBytes: (await engine.stats()).budget.requestedGpuBytes }); // one more frame
    await watching;
  };
  return { frames, stop };
}

/** [token] position, id and [layer, k] experts and weights of all frames, by position. */
function tokensOf(frames: readonly RoutingFrame[]) {
  return frames.flatMap((frame) =>
    Array.from({ length: frame.tokenCount }, (_, token) => {
      const part = <T extends { subarray(start: number, end: number): T }>(values: T): T =>
        values.subarray(token * ROUTES_PER_TOKEN, (token + 1) * ROUTES_PER_TOKEN);
      return {
        ...{ phase: frame.phase, position: frame.positions[token], tokenId: frame.tokenIds[token] },
        ...{ experts: [...part(frame.expertIds)], weights: [...part(frame.weights)], tiers: [...part(frame.tiers)] },
      };
    }),
  );
}

/** [layer][token][k] → [token][layer, k]. */
function byToken(values: GoldenPrompt['experts'], tokenCount: number): number[][] {
  return Array.from({ length: tokenCount }, (_, token) => values.flatMap((layer) => layer[token] ?? []));
}

const missesOf = (frames: readonly RoutingFrame[]): number => tokensOf(frames).reduce((sum, { tiers }) => sum + tiers.filter((tier) => tier !== 0).length, 0);

gpuTest('the worker runs on WebGPU, and the model says so', async ({ model }) => {
  expect(model).toMatchObject({ backend: 'webgpu', isDemo: true, source: 'demo', notices: [] });
  expect(model.fallbackReason).toBeUndefined();
  expect(model.adapter).not.toBe('');
});

describe('everything on the GPU', () => {
  const golden = goldenPrompt('stories-chat');

  gpuTest('a streamed chat gives the golden tokens, and its frames the golden routes', async (engine) => {
    const routing = watchRouting(engine);
    const ids: number[] = [];
    const messages = [{ role: 'user', content: 'Tell me a story about a little fox named Pip.' }] as const;
    for await (const { sluice } of await engine.chat.completions.create({ messages, max_tokens: 24, stream: true, ...GREEDY })) {
      ids.push(...(sluice?.tokens ?? []).map(({ id }) => id));
    }
    await routing.stop();
    expect(ids).toEqual(golden.greedyTokens.slice(0, 24));

    const { frames } = routing;
    expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((_, index) => index));
    for (const frame of frames) {
      expect(frame).toMatchObject({ layerCount: 6, expertsPerToken: 4, expertCount: EXPERTS_PER_LAYER });
      const { positions, tokenIds, expertIds, weights, tiers, residency } = frame;
      expect([positions, tokenIds, expertIds, weights, tiers, residency].map(({ length }) => length)).toEqual([
        ...[frame.tokenCount, frame.tokenCount],
        ...Array.from({ length: 3 }, () => frame.tokenCount * ROUTES_PER_TOKEN),
        6 * EXPERTS_PER_LAYER,
      ]);
      expect(residency.every((tier) => tier === 0)).toBe(true);
    }
    const tokens = tokensOf(frames);
    // The last token of the answer was never fed to the layers.
    expect(tokens.map(({ tokenId }) => tokenId)).toEqual([...golden.tokens, ...ids.slice(0, -1)]);
    expect(tokens.map(({ position }) => position)).toEqual(tokens.map((_, index) => index));
    expect(tokens.map(({ phase }) => phase)).toEqual(tokens.map((_, index) => (index < golden.tokens.length ? 'prefill' : 'decode')));
    expect(tokens.slice(0, golden.tokens.length).map(({ experts }) => experts)).toEqual(byToken(golden.experts, golden.tokens.length));
    expect(
      nmse(
        tokens.slice(0, golden.tokens.length).flatMap(({ weights }) => weights),
        byToken(golden.weights, golden.tokens.length).flat(),
      ),
    ).toBeLessThan(1e-5);
    expect(missesOf(frames)).toBe(0);
  });

  gpuTest('stats tell of the last answer and of what is held', async (engine) => {
    await answerOf(engine, golden.tokens, 6);
    const { prefillTokensPerSecond, decodeTokensPerSecond, dispatchesPerToken, bytesUploaded, bytesHeld, elapsedMs, times, ...stats } = await engine.stats();
    const totalBytes = 192 * 104_448;
    expect(stats).toEqual({
      ...{ backend: 'webgpu', adapter: engine.model.adapter, promptTokens: 19, generatedTokens: 6, readbacksPerToken: 1, buffersCreatedInDecode: 0 },
      ...{
        expertHits: 5 * ROUTES_PER_TOKEN,
        expertMisses: 0,
        halts: 0,
        missingLayers: 0,
        loads: { all: 0, lookAhead: 0, lookAheadUsed: 0 },
        bytesRead: { ram: 0, disk: 0, network: 0 },
      },
      expertsHeld: { gpu: 192, ram: 192, disk: 192, total: 192 },
      budget: {
        ...{ requestedGpuBytes: totalBytes, gpuBytes: totalBytes, gpuSlots: 192, minimumGpuSlots: 4, ramBytes: 256 * 2 ** 20 },
        ...{ tokenCycleBytes: ROUTES_PER_TOKEN * 104_448, expertTotalBytes: totalBytes, verdict: 'ok', recommendedGpuBytes: totalBytes / 4 },
      },
      policy: 'forecast',
      ...{ store: 'memory', recordsRepaired: 0, notices: [] },
    });
    expect(Math.min(prefillTokensPerSecond, decodeTokensPerSecond, bytesUploaded, bytesHeld.gpuOther)).toBeGreaterThan(0);
    expect(times.computeMs).toBeGreaterThan(0);
    expect(elapsedMs).toBeGreaterThanOrEqual(times.computeMs);
    expect(bytesHeld).toMatchObject({ gpuExperts: totalBytes, ram: totalBytes, disk: totalBytes });
    expect(bytesHeld.gpuTrunk).toBeGreaterThanOrEqual(engine.model.trunkBytes);
    expect(dispatchesPerToken).toBeLessThanOrEqual(6 * 10 + 8);
  });
});

describe('a budget', () => {
  const golden = goldenPrompt('tales');

  gpuTest('of 25% takes experts away at once, costs halts, and changes no token', async (engine) => {
    const routing = watchRouting(engine);
    const report = await engine.setBudget({ gpuBytes: '25%' });
    expect(report).toMatchObject({ requestedGpuBytes: report.expertTotalBytes / 4, gpuSlots: 48, gpuBytes: 48 * 104_448 });
    expect(await answerOf(engine, golden.tokens, 12)).toEqual(golden.greedyTokens.slice(0, 12));
    const { halts, expertMisses, expertsHeld, bytesRead } = await engine.stats();
    expect(halts).toBeGreaterThan(0);
    expect(expertMisses).toBeGreaterThanOrEqual(halts);
    expect(expertsHeld.gpu).toBe(48);
    expect(bytesRead.ram).toBeGreaterThan(0);
    await routing.stop();
    const onGpu = routing.frames.map(({ residency }) => residency.filter((tier) => tier === 0).length);
    // The first may have been taken before.
    expect(new Set(onGpu.slice(1))).toEqual(new Set([48]));
    expect(missesOf(routing.frames)).toBeGreaterThanOrEqual(expertMisses);
  });

  gpuTest('that changes while an answer is written changes no token either', async (engine) => {
    const budgets = ['5%', '100%', '50%'] as const;
    const german = goldenPrompt('german');
    const ids: number[] = [];
    const reports: number[] = [];
    for await (const { sluice } of await engine.completions.create({ prompt: german.tokens, max_tokens: 20, stream: true, ...GREEDY })) {
      ids.push(...(sluice?.tokens ?? []).map(({ id }) => id));
      const budget = ids.length % 5 === 0 ? budgets[ids.length / 5 - 1] : undefined;
      if (budget !== undefined && sluice?.tokens) reports.push((await engine.setBudget({ gpuBytes: budget })).gpuSlots);
    }
    expect(ids).toEqual(german.greedyTokens.slice(0, 20));
    expect(reports).toEqual([9, 192, 96]);
    expect((await engine.stats()).buffersCreatedInDecode).toBe(0);
  });
});

describe('stopping', () => {
  gpuTest('in the middle of an answer, by signal and by leaving the loop, leaves a right engine', async (engine) => {
    await engine.setBudget({ gpuBytes: '100%' });
    const golden = goldenPrompt('french');
    const abort = new AbortController();
    const long = { prompt: golden.tokens, max_tokens: 500, stream: true, ...GREEDY } as const;
    await expectEngineError(async () => {
      for await (const { sluice } of await engine.completions.create({ ...long, signal: abort.signal })) if (sluice?.tokens?.[0]?.index === 2) abort.abort();
    }, 'aborted');
    expect(await answerOf(engine, golden.tokens, 6)).toEqual(golden.greedyTokens.slice(0, 6));
    for await (const { sluice } of await engine.completions.create(long)) if (sluice?.tokens?.[0]?.index === 2) break;
    expect(await answerOf(engine, golden.tokens, 6)).toEqual(golden.greedyTokens.slice(0, 6));
  });
});
