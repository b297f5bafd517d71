// One script tag on somebody else's page: the bundle comes from another host, and so does the model.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, watchForErrors } from '../support/chromium';
import { type TestServer, startTestServer } from '../support/server';

const DIST = join(import.meta.dirname, '../../dist');
const SHARED = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
/** As a page has it that never heard of Sluice: nothing of ours but an empty policy. */
const PLAIN = { 'Content-Security-Policy': '', 'Cross-Origin-Embedder-Policy': 'unsafe-none', 'Cross-Origin-Opener-Policy': 'unsafe-none' };

const folder = mkdtempSync(join(tmpdir(), 'sluice-page-'));
let host: TestServer;
let page: TestServer;

beforeAll(async () => {
  host = await startTestServer(DIST, { headers: SHARED });
  writeFileSync(
    join(folder, 'index.html'),
    `<!doctype html>
<link rel="icon" href="data:,">
<script type="module" src="${host.origin}/lib/sluice-elements.js"></script>
<sluice-chat model="${host.origin}/app/models/demo-q8_0.gguf" backend="cpu" store="memory" mode="completion"></sluice-chat>`,
  );
  page = await startTestServer(folder, { headers: PLAIN });
});

afterAll(async () => {
  await Promise.all([host.close(), page.close()]);
  rmSync(folder, { recursive: true });
});

test('a chat element loads its model and answers', async () => {
  const browser = await launchChromium({ webgpu: false });
  try {
    const context = await browser.newContext();
    const errors = watchForErrors(context);
    const tab = await context.newPage();
    // Another host than the script's: localhost and 127.0.0.1 are two.
    await tab.goto(page.origin.replace('127.0.0.1', 'localhost'));
    const prompt = tab.getByRole('textbox').first();
    await prompt.fill('Once upon a time');
    const answer = tab.evaluate(
      () =>
        new Promise<string>((settle) => {
          document.addEventListener('sluice-answer', (event) => settle((event as CustomEvent<{ text: string }>).detail.text), { once: true });
        }),
    );
    await tab.waitForFunction(() => (document.querySelector('sluice-chat') as unknown as { engine?: object }).engine !== undefined, undefined, {
      timeout: 120_000,
    });
    await prompt.press('Enter');
    expect((await answer).length).toBeGreaterThan(20);
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});
