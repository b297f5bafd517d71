// The first load of the demo model from a web server: how many requests it takes, that nothing is read twice, and that it is stored as it goes.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Budget } from '../../src/core/api';
import { openHttpSource } from '../../src/formats/http-source';
import { KERNELS } from '../../src/kernels';
import { REFERENCES } from '../../src/reference';
import { CpuBackend } from '../../src/reference/cpu-backend';
import { MemoryStore } from '../../src/storage/memory-store';
import { type OpenedEngine, openEngine } from '../../src/worker/open-engine';
import { GREEDY } from '../support/engine-lab';
import { goldenPrompt } from '../support/golden';
import { type RangeServer, startRangeServer } from '../support/range-server';

const FILE = await readFile(join(import.meta.dirname, '../../public/models/demo-q8_0.gguf'));
const EXPERT_COUNT = 192;
const ANSWER_TOKENS = 4;

let server: RangeServer;
let store: MemoryStore;
let steps: number[];
const opened: OpenedEngine[] = [];
beforeEach(async () => {
  server = await startRangeServer(FILE);
  store = new MemoryStore();
});
afterEach(async () => {
  for (const { core } of opened.splice(0)) await core.dispose();
  await server.close();
});

/** `steps` has what each report of the loading of experts added, in bytes. */
async function load(gpuBytes: Budget): Promise<OpenedEngine> {
  let before = 0;
  steps = [];
  const engine = await openEngine({
    sourceName: server.url,
    openSource: () => openHttpSource(server.url),
    isDemo: false,
    backend: new CpuBackend(KERNELS, REFERENCES),
    store,
    notices: [],
    gpuBytes,
    ramBytes: 0,
    clock: () => performance.now(),
    now: () => Date.now(),
    onProgress: (phase, bytesDone) => {
      if (phase !== 'experts') return;
      if (bytesDone > 0) steps.push(bytesDone - before);
      before = bytesDone;
    },
  });
  opened.push(engine);
  return engine;
}

/** Bytes of the answers, headers not counted. */
const bytesServed = () => server.log.reduce((sum, line) => sum + (/^206 (\d+)-(\d+)$/.exec(line) ?? []).slice(1).reduce((a, b) => Number(b) - a + 1, 0), 0);

async function story({ core }: OpenedEngine): Promise<number[]> {
  const { tokens } = await core.generate({ ...GREEDY, tokens: goldenPrompt('stories').tokens, maxTokens: ANSWER_TOKENS });
  return [...tokens];
}
const goldenStory = goldenPrompt('stories').greedyTokens.slice(0, ANSWER_TOKENS);

test('with room for all, some ten requests bring the trunk and some forty the experts, and nothing comes twice', async () => {
  const { tiers, model } = await load('100%');
  await tiers.settled();
  expect(server.log.length).toBeLessThan(50);
  expect(bytesServed() / FILE.byteLength).toBeLessThan(1.02);
  expect(tiers.supplyStats().diskExperts).toBe(EXPERT_COUNT);
  // Progress is told expert by expert, however many come with one request.
  expect(steps).toEqual(Array.from({ length: EXPERT_COUNT }, () => model.expertBytes));
});

test('a second load asks for no more than the start of the file, and the trunk comes from the store', async () => {
  const first = await load('100%');
  expect(await story(first)).toEqual(goldenStory);
  void first.storeRest();
  await expect.poll(() => first.tiers.supplyStats().diskExperts, { timeout: 20_000 }).toBe(EXPERT_COUNT);
  await first.core.dispose();
  opened.length = 0;
  const requestCount = server.log.length;
  const second = await load('100%');
  expect(server.log.length).toBe(requestCount + 1);
  expect(await story(second)).toEqual(goldenStory);
});

test('at a quarter of the experts it answers while the rest is fetched by runs, and ends with everything stored', async () => {
  const engine = await load('25%');
  expect(server.log.length).toBeLessThan(40);
  void engine.storeRest();
  expect(await story(engine)).toEqual(goldenStory);
  await expect.poll(() => engine.tiers.supplyStats().diskExperts, { timeout: 20_000 }).toBe(EXPERT_COUNT);
  expect(engine.tiers.supplyStats().bytesRead.network).toBeGreaterThan(0);
  expect(bytesServed() / FILE.byteLength).toBeLessThan(1.02);
  expect(await story(engine)).toEqual(goldenStory);
});
