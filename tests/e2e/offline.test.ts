// What a page has stored: the records really are in IndexedDB, and with them alone the model runs when the server it came from is gone. On the CPU: where weights
// come from is settled before the backend sees them, and it loads in a second what a software adapter compiles for many.

import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, watchForErrors } from '../support/chromium';
import { goldenText } from '../support/e2e-golden';
import { APP_FOLDER, AppPage, MODEL_SERVER_HEADERS, waitFor } from '../support/e2e-page';
import { storedModels } from '../support/e2e-records';
import { startTestServer, type TestServer } from '../support/server';

const HEADER_BYTES = 64;
const EXPERT_COUNT = 192;
const ANSWER_TOKENS = 12;
const OFFLINE_NOTICE = /cannot be reached; it runs from what is stored in this browser/;

let folder: string;
let appServer: TestServer;
let modelServer: TestServer;
let browser: Browser;
let context: BrowserContext;
let app: AppPage;
let errors: string[];
let address: string;
/** Requests that are meant to fail are errors on the console too. */
let expected: RegExp | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-offline-'));
  await copyFile(join(APP_FOLDER, 'models/demo-q8_0.gguf'), join(folder, 'other.gguf'));
  appServer = await startTestServer(APP_FOLDER);
  modelServer = await startTestServer(folder, { headers: MODEL_SERVER_HEADERS });
  address = `${modelServer.origin}/other.gguf`;
  browser = await launchChromium();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  errors = watchForErrors(context);
  app = new AppPage(await context.newPage());
});

afterEach(() => {
  const pattern = expected;
  expected = undefined;
  expect(errors.splice(0).filter((error) => !pattern?.test(error))).toEqual([]);
});

afterAll(async () => {
  await browser.close();
  await Promise.all([appServer.close(), modelServer.close()]);
  await rm(folder, { recursive: true });
});

test('a model from another server is stored whole, as records in IndexedDB', async () => {
  // The demo model waits: one model at a time is what two cores bear.
  await app.page.goto(`${appServer.origin}/?backend=cpu&store=indexeddb`);
  await app.openModel({ address });
  await app.untilReady(address);
  const held = async () => (await app.expertsHeld('Disk')) === `${EXPERT_COUNT} / ${EXPERT_COUNT}`;
  await waitFor(held, 'all experts on disk');
  const stored = await waitFor(
    async () => (await storedModels(app.page)).find((model) => model.sourceName === address && model.isComplete),
    'a complete manifest',
  );
  const { expertBytes } = await app.chat.evaluate((chat) => (chat as HTMLElementTagNameMap['sluice-chat']).engine!.model);
  expect(stored).toMatchObject({ expertCount: EXPERT_COUNT, magics: ['SLXR'], recordBytes: [HEADER_BYTES + expertBytes] });
  expect(stored.trunkCount).toBeGreaterThan(0);
});

test('with that server stopped, the model loads from the records and writes the golden text', async () => {
  expected = new RegExp(`ERR_CONNECTION_REFUSED.*\\(${address}\\)$`);
  await modelServer.close();
  await app.page.goto(`${appServer.origin}/?backend=cpu&store=indexeddb`);
  await app.openModel({ address });
  await app.untilReady(address);
  await app.untilNotice(OFFLINE_NOTICE);
  const { prompt, answer } = await goldenText('stories', ANSWER_TOKENS);
  await app.sample({ temperature: 0, maxTokens: ANSWER_TOKENS });
  await app.mode('Continue text');
  expect(await app.ask(prompt)).toBe(answer);
  expect(await app.stats()).toMatchObject({ store: 'indexeddb', bytesRead: { network: 0 } });
});

test('the demo model, too, loads when only the page itself can be reached', async () => {
  const page = `${appServer.origin}/?backend=cpu&store=indexeddb`;
  await app.open(page);
  await waitFor(
    async () => (await storedModels(app.page)).some((model) => model.sourceName.endsWith('/models/demo-q8_0.gguf') && model.isComplete),
    'the demo model stored',
  );
  expected = /ERR_FAILED.*\/models\/demo-q8_0\.gguf\)$/;
  await context.route('**/models/**', (route) => route.abort());
  const requestsBefore = modelRequests();
  await app.open(page);
  await app.untilNotice(OFFLINE_NOTICE);
  const { prompt, answer } = await goldenText('stories', ANSWER_TOKENS);
  await app.sample({ temperature: 0, maxTokens: ANSWER_TOKENS });
  await app.mode('Continue text');
  expect(await app.ask(prompt)).toBe(answer);
  expect(modelRequests()).toBe(requestsBefore);
});

function modelRequests(): number {
  return appServer.requests.filter(({ path }) => path.startsWith('/models/')).length;
}
