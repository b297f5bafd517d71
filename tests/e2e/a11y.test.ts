// The page for people who do not see it or do not use a mouse: what axe finds in each state, and everything done with the keyboard alone.

import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SluiceChat } from '../../src/ui/sluice-chat';
import { launchChromium, watchForErrors } from '../support/chromium';
import { APP_FOLDER, AppPage, waitFor } from '../support/e2e-page';
import { startTestServer, type TestServer } from '../support/server';

const LAYOUTS = [
  { width: 1280, height: 900, colorScheme: 'light' },
  { width: 1280, height: 900, colorScheme: 'dark' },
  { width: 390, height: 844, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
] as const;
/** Of the four these two are tried in states that come and go: what a state adds has each width and each colour once. */
const OPPOSITE_LAYOUTS = [LAYOUTS[0], LAYOUTS[3]];
/** Stops of the Tab key on the whole page, at most. */
const MAX_STOPS = 80;

let server: TestServer;
let browser: Browser;
let app: AppPage;
let page: Page;
let errors: string[];

beforeAll(async () => {
  server = await startTestServer(APP_FOLDER);
  browser = await launchChromium();
  // What is on the page is the same on both backends; the CPU leaves a core to the browser.
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  errors = watchForErrors(context);
  page = await context.newPage();
  app = new AppPage(page);
  await app.open(`${server.origin}/?backend=cpu`);
});

afterEach(() => expect(errors.splice(0)).toEqual([]));

afterAll(async () => {
  await browser.close();
  await server.close();
});

describe('axe finds nothing serious', () => {
  test('when the model is there', () => expectAccessible({ layouts: LAYOUTS }));

  test('with the settings open', async () => {
    const toggle = app.chat.getByRole('button', { name: 'Settings' });
    await toggle.click();
    await expectAccessible({ views: ['Chat'] });
    await toggle.click();
  });

  test('in the dialog that opens a model', async () => {
    await page.getByRole('button', { name: 'Open a model' }).click();
    const dialog = page.getByRole('dialog', { name: 'Open a model' });
    await dialog.waitFor();
    await expectAccessible({ views: [] });
    await dialog.getByRole('button', { name: 'Cancel' }).click();
  });

  test('while an answer is written, and when it is there', async () => {
    await app.sample({ maxTokens: 2000 });
    // An answer may end before all layouts are through: then there is another one.
    await expectAccessible({
      prepare: async () => {
        if (await app.stopButton.isVisible()) return;
        await app.send('Tell me a story about a little fox named Pip.');
        await app.untilTokens(2);
      },
    });
    await app.chat.evaluate((chat: SluiceChat) => chat.stop());
    await app.answer();
    await expectAccessible({ layouts: LAYOUTS });
  });

  test('in the panels of the memory', async () => {
    const simulator = page.locator('sluice-simulator');
    await page.getByRole('tab', { name: 'Simulator' }).click();
    await expectAccessible({ views: ['Memory'] });
    await simulator.getByRole('button', { name: 'Simulate' }).click();
    await simulator.locator('summary').click();
    await simulator.getByRole('button', { name: 'Simulate' }).waitFor();
    await expectAccessible({ views: ['Memory'] });
    await page.getByRole('tab', { name: 'Stored models' }).click();
    await page.getByRole('button', { name: 'Delete moe-demo-21m' }).click();
    await expectAccessible({ views: ['Memory'] });
    await page.getByRole('button', { name: 'Keep' }).click();
    await app.turns.last().getByText('Where the time went').click();
    await page.getByRole('tab', { name: 'Now' }).click();
    await expectAccessible({ views: ['Chat'] });
  });

  test('when something went wrong', async () => {
    await app.openModel({ address: 'no address' });
    await app.untilNotice(/invalid-argument/);
    await expectAccessible({ views: ['Chat'] });
    await app.chat.getByRole('button', { name: 'Dismiss' }).click();
  });
});

test('everything can be done with the keyboard alone', async () => {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.reload();
  await app.untilReady();
  const { keyboard } = page;

  await tabTo(/^(Message|Text to continue)$/);
  await keyboard.type('Tell me a story about a little fox named Pip.');
  await keyboard.press('Enter');
  await app.untilTokens(2);
  await tabTo(/Stop/);
  await keyboard.press('Enter');
  await app.answer();
  expect(await app.turns.last().locator('.figures').textContent()).toContain('stopped');

  await tabTo(/^Experts in use/);
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowDown']) await keyboard.press(key);
  expect(await app.heatmap.getByRole('status').textContent()).toMatch(/^Layer 1, expert 3\. /);
  await keyboard.press('End');
  expect(await app.heatmap.getByRole('status').textContent()).toMatch(/^Layer 1, expert 31\. /);

  await tabTo(/^(GPU memory for experts|Memory for expert slots)$/);
  await keyboard.press('ArrowLeft');
  await keyboard.press('ArrowLeft');
  await waitFor(async () => (await app.cache.locator('output').textContent())?.includes('98 %'), '98 %');
  await waitFor(async () => (await app.stats()).budget.gpuSlots < 192, 'the smaller budget');

  await tabTo(/probability/);
  const route = page.locator('sluice-tokens .about');
  const before = await route.textContent();
  await keyboard.press('Home');
  await waitFor(async () => (await route.textContent()) !== before, 'the route of another token');
});

interface State {
  readonly layouts?: ReadonlyArray<(typeof LAYOUTS)[number]>;
  /** Where the page shows one view at a time, those to look at; default: all. */
  readonly views?: readonly string[];
  /** Brings the state about, which may have passed. */
  readonly prepare?: () => Promise<void>;
}

async function expectAccessible({ layouts = OPPOSITE_LAYOUTS, views = ['Chat', 'Experts', 'Memory'], prepare }: State): Promise<void> {
  const found: string[] = [];
  for (const { width, height, colorScheme } of layouts) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height });
    await prepare?.();
    const navigation = page.getByRole('navigation', { name: 'Views' });
    const isNarrow = await navigation.isVisible();
    for (const view of isNarrow && views.length > 0 ? views : ['all']) {
      if (view !== 'all') await navigation.getByRole('button', { name: view }).click();
      found.push(...(await violations()).map((violation) => `${width} px, ${colorScheme}, ${view}: ${violation}`));
    }
    if (isNarrow && views.length > 0) await navigation.getByRole('button', { name: 'Chat' }).click();
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  expect(found).toEqual([]);
}

async function violations(): Promise<string[]> {
  // Colours change at once for the eye, over two frames for a script.
  await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(resolve)), 100)));
  await page.evaluate(axe.source);
  const results = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'] }));
  // Proof that axe looked into the shadows.
  expect(results.passes.length).toBeGreaterThan(5);
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`));
}

/** Presses Tab until the element in focus has the name. Every stop on the way must be visible as such. */
async function tabTo(name: RegExp): Promise<void> {
  const passed: string[] = [];
  for (let stop = 0; stop < MAX_STOPS; stop++) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(focusInPage);
    if (focus.name !== '' && !focus.isMarked) throw new Error(`the focus on "${focus.name}" cannot be seen`);
    if (name.test(focus.name)) return;
    passed.push(focus.name);
  }
  throw new Error(`Tab never came to ${name}; it passed ${passed.join(' · ')}`);
}

/** Runs in the page: the name of what is in focus, and whether something marks it. */
function focusInPage(): { name: string; isMarked: boolean } {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  if (!element || element === document.body) return { name: '', isMarked: true };
  const labels = (element as HTMLInputElement).labels ?? [];
  const name = element.getAttribute('aria-label') ?? (labels.length > 0 ? labels[0]!.textContent : element.textContent);
  const isMarked = [element, element.parentElement].some((each) => {
    if (!each) return false;
    const { outlineStyle, boxShadow } = getComputedStyle(each);
    return outlineStyle !== 'none' || boxShadow !== 'none' || each.querySelector('.cursor') !== null;
  });
  return { name: (name ?? '').replace(/\s+/g, ' ').trim(), isMarked };
}
