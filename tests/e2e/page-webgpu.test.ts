// The page with WebGPU: loads by itself, writes, shows its routing, stops, takes another budget, comes back after a reload and after the loss of its device. One page,
// used as one visitor would.

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, recordPageAdapter, watchForErrors } from '../support/chromium';
import { goldenText } from '../support/e2e-golden';
import { mainThreadTasks, watchMainThread } from '../support/e2e-main-thread';
import { APP_FOLDER, AppPage, waitFor } from '../support/e2e-page';
import { startTestServer, type TestServer } from '../support/server';

/** A page that answers within this is not felt to hang (RAIL: 100 ms); the rest is for slow machines. */
const LONGEST_TASK_MS = 200;
/** From the press of Stop: the steps that are encoded ahead end first. */
const STOP_MS = 5000;
const ANSWER_TOKENS = 16;
const PROMPT = 'Tell me a story about a little fox named Pip.';

let server: TestServer;
let browser: Browser;
let app: AppPage;
let errors: string[];

beforeAll(async () => {
  server = await startTestServer(APP_FOLDER);
  browser = await launchChromium();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  errors = watchForErrors(context);
  app = new AppPage(await context.newPage());
});

afterEach(() => expect(errors.splice(0)).toEqual([]));

afterAll(async () => {
  await browser.close();
  await server.close();
});

test('the demo model loads without a click, says how far it is, and writes; the main thread is never held up', async () => {
  const { page } = app;
  await watchMainThread(browser, page);
  await page.addInitScript(noteProgress);
  await app.open(server.origin);
  const progress = await page.evaluate(() => (window as unknown as { progress: string[] }).progress);
  expect(progress.join('\n')).toMatch(/[\d.]+ [kM]i?B of [\d.]+ Mi?B/);
  expect(await app.notices()).toContainEqual(expect.stringContaining('tiny demonstration model (21 M parameters)'));
  expect(await app.notices()).toContainEqual(expect.stringContaining('The WebGPU adapter is software'));
  expect(await recordPageAdapter(page)).toBeTruthy();

  await app.sample({ temperature: 0, maxTokens: ANSWER_TOKENS });
  await app.send(PROMPT);
  await app.stopButton.waitFor();
  await app.untilTokens(2);
  const early = await app.answerSoFar();
  const whole = await app.answer();
  expect(early.length).toBeGreaterThan(0);
  expect(whole.startsWith(early)).toBe(true);
  expect(whole.length).toBeGreaterThan(early.length);

  const [longest] = await mainThreadTasks(browser);
  expect(longest?.cpuMs, longest?.from).toBeLessThan(LONGEST_TASK_MS);
});

test('greedy continuation gives the golden text, and the map of experts changes with it', async () => {
  const { prompt, answer } = await goldenText('stories', ANSWER_TOKENS);
  await app.mode('Continue text');
  const pixelsBefore = await app.mapPixels();
  const usesBefore = await app.expertUses();
  expect(usesBefore).toHaveLength(6);
  expect(await app.ask(prompt)).toBe(answer);
  expect(await app.mapPixels()).not.toBe(pixelsBefore);
  // Each token but the last is fed through every layer, four experts each; the table follows once a second.
  const grown = () => app.expertUses().then((uses) => uses.every((count, layer) => count - usesBefore[layer]! >= 4 * (ANSWER_TOKENS - 1)));
  await waitFor(grown, 'the uses of every layer', 5000);
});

test('the figures show', async () => {
  const shown = await waitFor(async () => {
    const hits = await app.figure('Hits');
    return hits === '0' ? undefined : { hits, rate: await app.figure('Hit rate'), decode: await app.figure('Decode'), adapter: await app.figure('Adapter') };
  }, 'hits');
  expect(shown).toMatchObject({ rate: '100 %', decode: expect.stringMatching(/^\d+(\.\d)? tokens\/s$/) as string });
  expect(shown.adapter.toLowerCase()).toContain('swiftshader');
  expect(await app.chat.locator('.turn').last().locator('.figures').textContent()).toMatch(
    /^16 tokens · [\d.]+ tokens\/s · cut at the longest length · seed \d+$/,
  );
  const stats = await app.stats();
  expect(stats).toMatchObject({ halts: 0, expertMisses: 0, buffersCreatedInDecode: 0, generatedTokens: ANSWER_TOKENS });
});

test('a picked token shows its route', async () => {
  const tokens = app.page.locator('sluice-tokens');
  await tokens.getByRole('option').nth(3).click();
  const rows = tokens.getByRole('region', { name: 'Route of the token' }).locator('tbody tr');
  expect(await rows.count()).toBe(6);
  const frames = await rows.evaluateAll((all) => all.map((row) => [...row.querySelectorAll('.expert')].map((expert) => expert.getAttribute('title') ?? '')));
  for (const experts of frames) {
    expect(experts).toHaveLength(4);
    const numbers = experts.map((title) => /^Expert (\d+), weight (0\.\d+), found on: GPU$/.exec(title));
    expect(numbers.every((match) => match && Number(match[1]) < 32)).toBe(true);
    expect(numbers.reduce((sum, match) => sum + Number(match?.[2]), 0)).toBeCloseTo(1, 2);
  }
});

test('the budget can be lowered while an answer is written: it says so in halts, and the text is the same; raised again, it fills by itself', async () => {
  const { prompt, answer } = await goldenText('german', ANSWER_TOKENS);
  await app.send(prompt);
  await app.untilTokens(2);
  await app.setBudget(25);
  expect(await app.answer()).toBe(answer);
  await waitFor(async () => Number(await app.figure('Halts')) > 0, 'halts on the page', 5000);
  expect(await app.expertsHeld('GPU')).toBe('48 / 192');
  expect(await app.cache.locator('output').textContent()).toContain('25 %');

  await app.setBudget(100);
  await waitFor(async () => (await app.expertsHeld('GPU')) === '192 / 192', 'slots that fill by themselves');
  expect(await app.ask(prompt)).toBe(answer);
  expect(await app.stats()).toMatchObject({ halts: 0 });
});

test('Stop ends an answer at once, and the next one comes', async () => {
  await app.sample({ maxTokens: 200 });
  await app.send('Once upon a time');
  await app.untilTokens(2);
  const pressedMs = performance.now();
  await app.stopButton.click();
  await app.answer();
  expect(performance.now() - pressedMs).toBeLessThan(STOP_MS);
  expect(await app.chat.locator('.turn').last().locator('.figures').textContent()).toContain('stopped');
  await app.turns.last().getByText('Where the time went').waitFor();
  const stopped = await app.answerSoFar();
  await app.sample({ maxTokens: 3 });
  expect((await app.ask('Once upon a time')).length).toBeGreaterThan(0);
  expect(stopped.length).toBeGreaterThan(0);
});

test('after a reload it works again', async () => {
  await app.page.reload();
  await app.untilReady();
  await app.sample({ maxTokens: 3 });
  expect((await app.ask(PROMPT)).trim()).not.toBe('');
});

test('when the GPU process dies the page says so, and the next prompt is answered on a new device, with the budget that was set', async () => {
  await app.setBudget(50);
  await app.untilBudget(96);
  await app.sample({ temperature: 0, maxTokens: 200 });
  await app.mode('Continue text');
  await app.send(PROMPT);
  await app.untilTokens(1);
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess');
  await app.untilNotice(/The GPU device was lost.*device-lost/);
  await app.answer();
  await app.sample({ maxTokens: 8 });
  const { prompt, answer } = await goldenText('stories', 8);
  expect(await app.ask(prompt)).toBe(answer);
  expect(await app.stats()).toMatchObject({ backend: 'webgpu', budget: { gpuSlots: 96 } });
});

/** Runs in the page: every line of progress that was on screen. */
function noteProgress(): void {
  const lines = new Set<string>();
  const look = (): void => {
    const chat = document.querySelector('sluice-app')?.shadowRoot?.querySelector('sluice-chat');
    const detail = chat?.shadowRoot?.querySelector('sluice-load-progress')?.shadowRoot?.querySelector('.detail');
    if (detail?.textContent) lines.add(detail.textContent);
    (window as unknown as { progress: string[] }).progress = [...lines];
    requestAnimationFrame(look);
  };
  look();
}
