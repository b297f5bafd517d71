// Components in a plain page of somebody's site: the script and the models lie beside it, and our own strict policy holds. One element loads, another follows.

import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SluiceChat } from '../../src/ui/sluice-chat';
import { launchChromium, watchForErrors } from '../support/chromium';
import { goldenText } from '../support/e2e-golden';
import { APP_FOLDER, waitFor } from '../support/e2e-page';
import { startTestServer } from '../support/server';

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <title>Some page</title>
    <link rel="icon" href="data:," />
    <script type="module" src="sluice-elements.js"></script>
  </head>
  <body>
    <sluice-heatmap for="talk"></sluice-heatmap>
    <sluice-chat id="talk" model="demo" backend="cpu" gpu-budget="50%" mode="completion"></sluice-chat>
    <sluice-cache for="talk"></sluice-cache>
    <sluice-tokens for="talk"></sluice-tokens>
  </body>
</html>`;

test('chat, heat map, memory and tokens work in a plain page with the demo model beside it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-embed-'));
  const folder = join(root, 'some/where');
  await mkdir(join(folder, 'models'), { recursive: true });
  await copyFile(join(APP_FOLDER, 'models/demo-q8_0.gguf'), join(folder, 'models/demo-q8_0.gguf'));
  await copyFile(join(APP_FOLDER, '../lib/sluice-elements.js'), join(folder, 'sluice-elements.js'));
  await writeFile(join(folder, 'page.html'), PAGE);
  const server = await startTestServer(root);
  const browser = await launchChromium();
  try {
    const context = await browser.newContext();
    const errors = watchForErrors(context);
    const page = await context.newPage();
    await page.goto(`${server.origin}/some/where/page.html`);
    const { prompt, answer } = await goldenText('code', 8);
    const chat = page.locator('sluice-chat');
    await chat.evaluate((element: SluiceChat) => (element.settings = { ...element.settings, temperature: 0, maxTokens: 8 }));
    const heatmap = page.locator('sluice-heatmap');
    await heatmap.locator('canvas').waitFor({ timeout: 60_000 });

    await chat.locator('textarea').fill(prompt);
    await chat.locator('textarea').press('Enter');
    await chat.locator('.turn[aria-busy=false]').waitFor({ timeout: 60_000 });
    expect(await chat.evaluate((element: SluiceChat) => element.turns.at(-1)?.answer)).toBe(answer);
    const uses = heatmap.locator('table').first().locator('tbody tr td:nth-of-type(5)');
    await waitFor(async () => (await uses.allTextContents()).every((count) => Number(count) >= 4 * 7), 'the uses of every layer');
    await waitFor(async () => (await page.locator('sluice-tokens').getByRole('option').count()) === 8, 'eight tokens');
    // Figures are asked for only where they can be seen.
    await page.locator('sluice-cache').scrollIntoViewIfNeeded();
    await waitFor(async () => (await page.locator('sluice-cache output').textContent())?.includes('50 %'), 'the budget');
    expect(server.requests.some(({ path }) => path === '/some/where/models/demo-q8_0.gguf')).toBe(true);
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
    await rm(root, { recursive: true });
  }
});
