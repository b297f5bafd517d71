// The memory panel of the page with WebGPU: where the time went, the budget in the middle of an answer, the simulator on real routing, and what is stored.

import { readFile } from 'node:fs/promises';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Trace } from '../../src/probe/trace';
import { decodeTrace } from '../../src/probe/trace-file';
import { simulate } from '../../src/scheduler/simulator';
import { formatShare } from '../../src/ui/model/format';
import { slotSteps } from '../../src/ui/model/simulation';
import { launchChromium, watchForErrors } from '../support/chromium';
import { goldenText } from '../support/e2e-golden';
import { APP_FOLDER, AppPage, waitFor } from '../support/e2e-page';
import { startTestServer, type TestServer } from '../support/server';

const ANSWER_TOKENS = 10;
const EXPERT_BYTES = 104_448;

let server: TestServer;
let browser: Browser;
let app: AppPage;
let simulator: Locator;
let errors: string[];
let trace: Trace;

beforeAll(async () => {
  server = await startTestServer(APP_FOLDER);
  browser = await launchChromium();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  errors = watchForErrors(context);
  app = new AppPage(await context.newPage());
  simulator = app.page.locator('sluice-simulator');
  await app.open(server.origin);
  await app.sample({ temperature: 0, maxTokens: ANSWER_TOKENS });
  await app.mode('Continue text');
});

afterEach(() => expect(errors.splice(0)).toEqual([]));

afterAll(async () => {
  await browser.close();
  await server.close();
});

test('the budget lowered in the middle of an answer changes where experts are, and no token', async () => {
  const { prompt, answer } = await goldenText('stories', ANSWER_TOKENS);
  await app.send(prompt);
  await app.untilTokens(2);
  expect(await cellsByColor(app.heatmap)).toEqual({ gpu: 192, elsewhere: 0 });
  await app.setBudget(18);
  await app.cache.locator('#advice[data-advice=near-cycle]').waitFor();
  expect(await app.answer()).toBe(answer);
  // 18 % of 192; flashes fade first.
  await waitFor(async () => (await cellsByColor(app.heatmap)).gpu === 34, '34 experts in the colour of the GPU', 5000);
  await app.cache.getByRole('button', { name: 'Use recommended' }).click();
  await app.untilBudget(48);
});

test('the parts of the time add up to the answer', async () => {
  const { prompt, answer } = await goldenText('german', ANSWER_TOKENS);
  expect(await app.ask(prompt)).toBe(answer);
  const stats = await app.stats();
  expect(stats.halts).toBeGreaterThan(0);
  expect(stats.missingLayers).toBeGreaterThanOrEqual(stats.halts);
  const measuredMs = Object.values(stats.times).reduce((sum, ms) => sum + ms, 0);
  expect(measuredMs).toBeLessThanOrEqual(stats.elapsedMs);
  const turn = app.turns.last();
  await turn.getByText('Where the time went').click();
  const rows = await turn.getByRole('row').allTextContents();
  const shown = rows.flatMap((row) => {
    const [, value, unit, share] = /([\d.]+) (ms|s)\s+([\d.]+) %/.exec(row) ?? [];
    return value === undefined ? [] : [{ ms: Number(value) * (unit === 's' ? 1000 : 1), share: Number(share) }];
  });
  expect(shown).toHaveLength(7);
  // Each is rounded, seconds to tenths and shares to halves of a per cent.
  expect(Math.abs(shown.reduce((sum, { ms }) => sum + ms, 0) - stats.elapsedMs)).toBeLessThanOrEqual(7 * 50);
  expect(Math.abs(shown.reduce((sum, { share }) => sum + share, 0) - 100)).toBeLessThanOrEqual(7 * 0.5);
  expect(await turn.locator('sluice-times .said').textContent()).toContain(`It halted ${stats.halts} times for missing experts`);
});

test('the simulator draws the real routing, and its numbers are those of the saved trace', async () => {
  await app.page.getByRole('tab', { name: 'Simulator' }).click();
  await simulator.getByRole('button', { name: 'Simulate' }).click();
  await simulator.getByRole('button', { name: 'Simulate' }).waitFor();
  const download = app.page.waitForEvent('download');
  await simulator.getByRole('button', { name: 'Save trace' }).click();
  trace = decodeTrace(new Uint8Array(await readFile(await (await download).path())));
  const { promptTokens } = await app.stats();
  const { prompt } = await goldenText('stories', ANSWER_TOKENS);
  const firstPrompt = await app.chat.evaluate((chat, text) => (chat as HTMLElementTagNameMap['sluice-chat']).engine!.tokenize(text), prompt);
  // Of each answer all tokens but the last have been through the layers.
  expect(trace).toMatchObject({ layerCount: 6, expertCount: 32, topK: 4, tokenCount: firstPrompt.length + promptTokens + 2 * (ANSWER_TOKENS - 1) });

  await simulator.getByText('All numbers as a table').click();
  const rows = await simulator.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)));
  const run = (policy: string, slotCount: number) => simulate({ trace, policy, slotCount, slotBytes: EXPERT_BYTES });
  expect(rows.map(([policy, plain, bound, , stalls]) => [policy, plain, bound, stalls])).toEqual(
    slotSteps(trace).map((slots) => [
      ...['forecast', 'lru/none', 'belady'].map((policy) => formatShare(run(policy, slots).hitRate)),
      String(run('forecast', slots).stalls),
    ]),
  );
  const curve = simulator.locator('path[data-curve=policy]');
  const { width = 0, height = 0 } = (await curve.boundingBox()) ?? {};
  expect(Math.min(width / 300, height / 50)).toBeGreaterThan(1);
  expect(await simulator.locator('.rates').textContent()).toContain(formatShare(run('forecast', 48).hitRate));
  expect(await simulator.locator('.more').textContent()).toMatch(/2\.0 MB more would/);
});

test('a trace from a file is simulated; one that is none is refused and nothing is lost', async () => {
  const before = await simulator.locator('path[data-curve=policy]').getAttribute('d');
  const input = simulator.locator('input[type=file]');
  await input.setInputFiles({ name: 'bad.sltr', mimeType: 'application/octet-stream', buffer: Buffer.from('SLTR and then something that is no trace') });
  await app.untilNotice(/routing trace/);
  expect(await simulator.locator('path[data-curve=policy]').getAttribute('d')).toBe(before);
  await simulator.getByRole('button', { name: 'Simulate' }).click();
  await simulator.getByRole('button', { name: 'Simulate' }).waitFor();
  expect(await app.notices()).not.toContainEqual(expect.stringMatching(/routing trace/));
  const [download] = await Promise.all([app.page.waitForEvent('download'), simulator.getByRole('button', { name: 'Save trace' }).click()]);
  await input.setInputFiles({ name: 'mine.sltr', mimeType: 'application/octet-stream', buffer: await readFile(await download.path()) });
  await simulator.getByText(/^mine\.sltr: \d+ tokens, 6 layers, 4 of 32 experts$/).waitFor();
  await simulator.getByRole('button', { name: 'Simulate' }).click();
  await simulator.getByRole('button', { name: 'Simulate' }).waitFor();
  expect(await simulator.locator('path[data-curve=policy]').getAttribute('d')).toBe(before);
});

test('the stored model is listed, and not deleted while it is open', async () => {
  await app.page.getByRole('tab', { name: 'Stored models' }).click();
  const panel = app.page.locator('sluice-stored-models');
  const text = () => panel.locator('li').first().textContent();
  await waitFor(async () => /2[23]\.\d MB · used .* · complete/.test(((await text()) ?? '').replace(/\s+/g, ' ')), 'the whole demo model in the list');
  await panel.getByRole('button', { name: 'Delete moe-demo-21m' }).click();
  await panel.getByRole('group').getByRole('button', { name: 'Delete' }).click();
  await app.untilNotice(/storage-unavailable/);
  expect(await panel.locator('li').count()).toBe(1);
});

/** Cells of the map by their colour, from one pixel in the middle of each. The colour of the GPU is green, at any brightness. */
function cellsByColor(heatmap: Locator): Promise<{ gpu: number; elsewhere: number }> {
  return heatmap.locator('canvas').evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
    copy.drawImage(canvas, 0, 0);
    const pixels = copy.getImageData(0, 0, canvas.width, canvas.height);
    let gpu = 0;
    for (let layer = 0; layer < 6; layer++) {
      for (let expert = 0; expert < 32; expert++) {
        const x = Math.floor(((expert + 0.45) * canvas.width) / 32);
        const y = Math.floor(((layer + 0.45) * canvas.height) / 6);
        const [red = 0, green = 0, blue = 0] = pixels.data.subarray((y * canvas.width + x) * 4);
        if (green > blue && green > red) gpu++;
      }
    }
    return { gpu, elsewhere: 192 - gpu };
  });
}
