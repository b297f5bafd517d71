// The page of the app as its user meets it, driven from outside: what can be seen and done, by the names the page shows.

import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import type { EngineStats } from '../../src/core/api';
import type { SluiceChat } from '../../src/ui/sluice-chat';

/** The app as `npm start` serves it. */
export const APP_FOLDER = join(import.meta.dirname, '../../dist/app');

/** What a server of models must send to pages of other origins. */
export const MODEL_SERVER_HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'Range',
  'Access-Control-Expose-Headers': 'Content-Range, Content-Length, ETag',
  'Cross-Origin-Resource-Policy': 'cross-origin',
};

/** A load on a software adapter with both cores busy. */
const LOAD_TIMEOUT_MS = 100_000;
const ANSWER_TIMEOUT_MS = 90_000;

export interface SamplingFields {
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
}

export interface ModelFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export class AppPage {
  readonly chat: Locator;
  readonly prompt: Locator;
  readonly stopButton: Locator;
  readonly cache: Locator;
  readonly heatmap: Locator;

  constructor(readonly page: Page) {
    this.chat = page.locator('sluice-chat');
    this.prompt = this.chat.locator('textarea');
    this.stopButton = this.chat.getByRole('button', { name: 'Stop' });
    this.cache = page.locator('sluice-cache');
    this.heatmap = page.locator('sluice-heatmap');
  }

  /** Goes there and waits for the model. */
  async open(address: string): Promise<void> {
    await this.page.goto(address);
    await this.untilReady();
  }

  /** Waits until a model is on the page; with `source`, the model from there. */
  async untilReady(source?: string): Promise<void> {
    const found = await poll(async () => {
      const shown = await this.source();
      return shown !== undefined && (source === undefined || shown === source);
    }, LOAD_TIMEOUT_MS);
    if (!found) throw new Error(`no model${source ? ` from ${source}` : ''} was loaded; the page says: ${(await this.notices()).join(' | ') || 'nothing'}`);
  }

  /** Where the model on the page came from, as the panel of facts says. */
  async source(): Promise<string | undefined> {
    const facts = this.page.locator('section[aria-labelledby=facts] dl > div').filter({ has: this.page.locator('dt:text-is("Source")') });
    return (await facts.count()) === 0 ? undefined : ((await facts.locator('dd').textContent()) ?? '').trim();
  }

  /** Through the settings of the chat, which are closed again. */
  async sample(fields: SamplingFields): Promise<void> {
    const toggle = this.chat.getByRole('button', { name: 'Settings' });
    await toggle.click();
    for (const [name, value] of Object.entries(fields)) {
      const field = this.chat.locator(`sluice-sampling input[name=${name}]`);
      await field.fill(String(value));
      await field.press('Tab');
    }
    await toggle.click();
  }

  async mode(name: 'Chat' | 'Continue text'): Promise<void> {
    await this.chat.getByRole('group', { name: 'Mode' }).getByRole('button', { name }).click();
  }

  /** Types a prompt and presses Enter. */
  async send(prompt: string): Promise<void> {
    await this.prompt.fill(prompt);
    await this.prompt.press('Enter');
  }

  /** Sends a prompt and waits for the whole answer. */
  async ask(prompt: string): Promise<string> {
    const count = await this.turns.count();
    await this.send(prompt);
    await this.turns.nth(count).waitFor();
    return this.answer();
  }

  /** The last answer, once it is complete (or stopped, or failed). */
  async answer(): Promise<string> {
    await this.chat.locator('.turn:last-child[aria-busy=false]').waitFor({ timeout: ANSWER_TIMEOUT_MS });
    return this.answerSoFar();
  }

  /** What the last answer says now; for continued text, what follows the prompt. */
  async answerSoFar(): Promise<string> {
    return this.chat.evaluate((chat: SluiceChat) => chat.turns.at(-1)?.answer ?? '');
  }

  /** Waits until the answer that is being written has so many tokens. */
  async untilTokens(count: number): Promise<void> {
    const text = this.chat.locator('.composer .figures');
    await waitFor(async () => Number(/([\d,]+) out/.exec((await text.textContent()) ?? '')?.[1]?.replace(',', '') ?? 0) >= count, `${count} tokens`);
  }

  get turns(): Locator {
    return this.chat.locator('.turn');
  }

  /** Notices, warnings and errors that are shown, each as one line. */
  async notices(): Promise<string[]> {
    const texts = await this.page
      .locator('sluice-notice')
      .evaluateAll((notices) =>
        notices
          .filter((notice) => notice.checkVisibility())
          .map((notice) => `${notice.shadowRoot?.querySelector('.text')?.textContent ?? ''} ${notice.textContent ?? ''}`),
      );
    return texts.map((text) => text.replace(/\s+/g, ' ').trim());
  }

  async untilNotice(pattern: RegExp, timeoutMs?: number): Promise<string> {
    return waitFor(async () => (await this.notices()).find((notice) => pattern.test(notice)), `a notice like ${pattern}`, timeoutMs);
  }

  /** A figure of the memory panel, by its name. */
  async figure(name: string): Promise<string> {
    const entry = this.cache.locator('dl > div').filter({ has: this.page.locator(`dt:text-is("${name}")`) });
    return ((await entry.locator('dd').textContent()) ?? '').trim();
  }

  /** Experts held in a tier, as the memory panel shows them: "192 / 192". */
  async expertsHeld(tier: 'GPU' | 'RAM' | 'Disk'): Promise<string> {
    const row = this.cache.locator('.tiers tbody tr').filter({ has: this.page.locator(`th:has-text("${tier}")`) });
    return ((await row.locator('td').nth(1).textContent()) ?? '').replace(/\s+/g, ' ').trim();
  }

  async setBudget(percent: number): Promise<void> {
    await this.cache.getByRole('slider').fill(String(percent));
  }

  /** Waits until the GPU (or what stands in for it) has so many places for experts. */
  async untilBudget(slots: number): Promise<void> {
    await waitFor(async () => (await this.stats()).budget.gpuSlots === slots, `${slots} slots`);
  }

  /** What the engine counts, for figures that the page rounds. */
  async stats(): Promise<EngineStats> {
    return this.chat.evaluate((chat: SluiceChat) => {
      if (!chat.engine) throw new Error('no model is loaded');
      return chat.engine.stats();
    });
  }

  /** Through the panel that asks for a model. */
  async openModel(source: { readonly address: string } | { readonly files: string | ModelFile | ModelFile[] }): Promise<void> {
    await this.page.getByRole('button', { name: 'Open a model' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Open a model' });
    if ('address' in source) {
      await dialog.getByLabel('Address').fill(source.address);
      await dialog.getByRole('button', { name: 'Open', exact: true }).click();
    } else {
      await dialog.locator('input[type=file]').setInputFiles(source.files);
    }
    await dialog.waitFor({ state: 'hidden' });
  }

  /** The map as it is drawn now, to be compared. */
  async mapPixels(): Promise<string> {
    return this.heatmap.locator('canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
  }

  /** [layer] uses, from the table that screen readers get. */
  async expertUses(): Promise<number[]> {
    const cells = this.heatmap.locator('table').first().locator('tbody tr td:nth-of-type(5)');
    return (await cells.allTextContents()).map((text) => Number(text.replace(',', '')));
  }
}

/** Polls until `read` gives something truthy, and returns it. */
export async function waitFor<T>(read: () => Promise<T>, what: string, timeoutMs = 60_000): Promise<NonNullable<T>> {
  const value = await poll(read, timeoutMs);
  if (!value) throw new Error(`waited in vain for ${what}`);
  return value;
}

async function poll<T>(read: () => Promise<T>, timeoutMs: number): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (value || performance.now() > endMs) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
