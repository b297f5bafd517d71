// What can go wrong, on the page: each fault is shown with its code, a sentence and what to do, and the model that was there before still answers. All on the CPU; a
// lost GPU device is in page-webgpu.test.ts.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, watchForErrors } from '../support/chromium';
import { launchWithBlockedStorage } from '../support/e2e-blocked-storage';
import { APP_FOLDER, AppPage, MODEL_SERVER_HEADERS, type ModelFile } from '../support/e2e-page';
import { text, tinyQwen3Moe, tinyQwen3MoeFile, writeGguf } from '../support/gguf-writer';
import { type RangeServer, startRangeServer } from '../support/range-server';
import { startTestServer, type TestServer } from '../support/server';

const PROMPT = 'Tell me a story about a little fox named Pip.';
const LESS_THAN_THE_MODEL_BYTES = 8_000_000;

let folder: string;
let server: TestServer;
let modelServer: TestServer;
let wholeFileServer: RangeServer;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-errors-'));
  server = await startTestServer(APP_FOLDER);
  modelServer = await startTestServer(folder, { headers: MODEL_SERVER_HEADERS });
  const tiny = tinyQwen3Moe();
  wholeFileServer = await startRangeServer(tiny, (_request, response) => {
    response.writeHead(200, { ...MODEL_SERVER_HEADERS, 'Content-Length': tiny.byteLength }).end(tiny);
    return true;
  });
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await Promise.all([server.close(), modelServer.close(), wholeFileServer.close()]);
  await rm(folder, { recursive: true });
});

describe('a model that cannot be opened', () => {
  let app: AppPage;
  let errors: string[];

  beforeAll(async () => {
    const context = await browser.newContext();
    errors = watchForErrors(context);
    app = new AppPage(await context.newPage());
    await app.open(`${server.origin}/?backend=cpu`);
    await app.sample({ temperature: 0, maxTokens: 4 });
  });

  afterEach(async () => {
    expect(await app.source()).toBe('demo');
    expect((await app.ask(PROMPT)).length).toBeGreaterThan(0);
    // The browser itself reports the 404 that one of these tests is about.
    expect(errors.splice(0).filter((error) => !/status of 404.*\/none\.gguf\)$/.test(error))).toEqual([]);
  });

  afterAll(() => app.page.context().close());

  const bytesOf = (file: Uint8Array): { files: ModelFile } => ({
    files: { name: 'some.gguf', mimeType: 'application/octet-stream', buffer: Buffer.from(file) },
  });
  const foreign = (): Uint8Array => {
    const file = tinyQwen3MoeFile();
    const metadata = file.metadata.map(([key, value]) => [key, key === 'general.architecture' ? text('rwkv') : value] as const);
    return writeGguf({ ...file, metadata });
  };
  const without = (name: string): Uint8Array => {
    const file = tinyQwen3MoeFile();
    return writeGguf({ ...file, tensors: file.tensors.filter((tensor) => tensor.name !== name) });
  };

  test.each([
    ['source-not-found', 'an address without a file', () => ({ address: `${modelServer.origin}/none.gguf` }), /There is no file at .*none\.gguf/],
    ['source-no-ranges', 'a server that ignores ranges', () => ({ address: wholeFileServer.url }), /the server ignores range requests/],
    ['invalid-argument', 'what is no address', () => ({ address: 'model.gguf' }), /model\.gguf/],
    ['not-gguf', 'a file of another kind', () => bytesOf(Buffer.from('These are notes, and no model.')), /some\.gguf is not a GGUF file/],
    ['file-truncated', 'a file that breaks off', () => bytesOf(tinyQwen3Moe().subarray(0, -4096)), /the file ends at byte \d+/],
    ['unsupported-architecture', 'an unknown architecture', () => bytesOf(foreign()), /rwkv/],
    ['tensor-missing', 'a file without one of its tensors', () => bytesOf(without('blk.1.attn_k.weight')), /blk\.1\.attn_k\.weight/],
  ] as const)('%s: %s', async (code, _what, source, message) => {
    await app.openModel(source());
    const shown = await app.untilNotice(new RegExp(`\\b${code}\\b`));
    expect(shown).toMatch(message);
    // Message, hint and code are three parts.
    const parts = app.page.locator('sluice-notice.load-error');
    expect(await parts.locator('.message').textContent()).toMatch(/\S.*\.$/);
    expect((await parts.locator('p:has(code)').textContent())?.replace(code, '').trim()).toMatch(/\S.*\.$/);
    await parts.getByRole('button', { name: 'Dismiss' }).click();
    await parts.waitFor({ state: 'detached' });
  });

  test('prompt-too-long: a prompt that does not fit', async () => {
    const asked = await app.ask('A fox and a hen and a dog. '.repeat(3000));
    expect(asked).toBe('');
    expect(await app.untilNotice(/prompt-too-long/)).toMatch(/\d+ tokens/);
  });
});

test('without IndexedDB the model runs, and the page says that nothing is stored', async () => {
  const { context, close } = await launchWithBlockedStorage();
  try {
    const errors = watchForErrors(context);
    const app = new AppPage(await context.newPage());
    await app.open(`${server.origin}/?backend=cpu`);
    await app.untilNotice(/Nothing can be stored in this browser window/);
    expect(await app.figure('Expert store')).toBe('Memory only');
    await app.sample({ maxTokens: 4 });
    expect((await app.ask(PROMPT)).length).toBeGreaterThan(0);
    expect(errors).toEqual([]);
  } finally {
    await close();
  }
});

test('storage-quota: with too little room the model runs, and the page says so', async () => {
  const context = await browser.newContext();
  const errors = watchForErrors(context);
  const app = new AppPage(await context.newPage());
  const session = await context.newCDPSession(app.page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: LESS_THAN_THE_MODEL_BYTES });
  await app.open(`${server.origin}/?backend=cpu&gpu-budget=25%25`);
  await app.untilNotice(/not enough room to store the whole model|The browser refuses to store more/);
  await app.sample({ maxTokens: 4 });
  expect((await app.ask(PROMPT)).length).toBeGreaterThan(0);
  expect((await app.stats()).expertsHeld.disk).toBeLessThan(192);
  // And again, beside what little is stored.
  await app.open(`${server.origin}/?backend=cpu`);
  await app.sample({ maxTokens: 4 });
  expect((await app.ask(PROMPT)).length).toBeGreaterThan(0);
  expect(errors).toEqual([]);
  await context.close();
});
