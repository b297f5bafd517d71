// The page in a browser that has no WebGPU adapter.

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, recordPageAdapter, watchForErrors } from '../support/chromium';
import { goldenText } from '../support/e2e-golden';
import { APP_FOLDER, AppPage, waitFor } from '../support/e2e-page';
import { tinyQwen3MoeFile, writeGguf } from '../support/gguf-writer';
import { startTestServer, type TestServer } from '../support/server';
import { partName, splitFile } from '../support/split-file';

let server: TestServer;
let browser: Browser;
let app: AppPage;
let errors: string[];

beforeAll(async () => {
  server = await startTestServer(APP_FOLDER);
  browser = await launchChromium({ webgpu: false });
  const context = await browser.newContext();
  errors = watchForErrors(context);
  app = new AppPage(await context.newPage());
});

/** Chromium's own remark when there is none, which is what this file is about. */
const NO_ADAPTER = 'No available adapters.';

afterEach(() => expect(errors.splice(0).filter((error) => !error.startsWith(NO_ADAPTER))).toEqual([]));

afterAll(async () => {
  await browser.close();
  await server.close();
});

test('it says that it runs on the CPU, and a prompt gives text', async () => {
  await app.open(server.origin);
  expect(await recordPageAdapter(app.page)).toBeUndefined();
  expect(await app.notices()).toContainEqual(expect.stringMatching(/running on the CPU, which is slower\.$/));
  expect(await app.figure('Backend')).toBe('CPU');
  await app.sample({ temperature: 0, maxTokens: 16 });
  expect((await app.ask('Tell me a story about a little fox named Pip.')).trim()).not.toBe('');
});

test('greedy continuation gives the golden text', async () => {
  const { prompt, answer } = await goldenText('stories', 16);
  await app.mode('Continue text');
  expect(await app.ask(prompt)).toBe(answer);
});

test('a small budget gives the same text, with halts', async () => {
  const { prompt, answer } = await goldenText('stories', 16);
  await app.setBudget(25);
  await app.untilBudget(48);
  expect(await app.ask(prompt)).toBe(answer);
  expect((await app.stats()).halts).toBeGreaterThan(0);
});

test('every prompt that the page offers is answered', async () => {
  await app.chat.getByRole('button', { name: 'Clear' }).click();
  await app.mode('Chat');
  await app.sample({ maxTokens: 3 });
  const offered = app.chat.getByRole('group', { name: 'Suggested prompts' }).getByRole('button');
  const count = await offered.count();
  expect(count).toBeGreaterThanOrEqual(5);
  for (let index = 0; index < count; index++) {
    await offered.nth(index).click();
    await app.turns.nth(index).waitFor();
    expect((await app.answer()).trim()).not.toBe('');
  }
  expect(await app.turns.filter({ hasText: 'Klicken Sie' }).count()).toBe(1);
});

test('a model in parts is opened from all of its files at once, and writes what it writes from one file', async () => {
  const whole = tinyQwen3MoeFile();
  const asked = async (parts: readonly Uint8Array[]): Promise<string> => {
    const files = parts.map((part, index) => ({
      name: partName('tiny', index, parts.length),
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(part),
    }));
    await app.openModel({ files });
    await waitFor(async () => (await app.source()) === files.map(({ name }) => name).join(', '), 'the model');
    await app.mode('Continue text');
    await app.sample({ temperature: 0, maxTokens: 8 });
    return app.ask('one two');
  };
  const expected = await asked([writeGguf(whole)]);
  expect(expected).not.toBe('');
  expect(await asked(splitFile(whole, 3, 2))).toBe(expected);
});

test('asked for WebGPU alone, it says that there is no adapter', async () => {
  await app.page.goto(`${server.origin}/?backend=webgpu`);
  expect(await app.untilNotice(/no-adapter/)).toMatch(/Try again/);
  // Without that wish the same browser runs the model, from what is stored by now.
  await app.open(server.origin);
  await app.sample({ maxTokens: 2 });
  expect(await app.ask('Tell me a story.')).not.toBe('');
});
