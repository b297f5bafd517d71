// A Chromium for end-to-end tests, driven from Node.

import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from '../../src/tools/chromium.mjs';
import { recordAdapter } from './gpu-log';

export interface ChromiumOptions {
  /** false: no WebGPU adapter at all, as in a browser on a machine without a GPU. Default true: the software adapter. */
  readonly webgpu?: boolean;
}

export async function launchChromium({ webgpu = true }: ChromiumOptions = {}): Promise<Browser> {
  const executablePath = findChromium();
  const args = webgpu ? CHROMIUM_FLAGS : CHROMIUM_FLAGS.filter((flag) => !flag.includes('webgpu'));
  return chromium.launch({ args, ...(executablePath ? { executablePath } : {}) });
}

/** Collects what must not appear on a page: errors and warnings on its console, exceptions nobody caught. */
export function watchForErrors(context: BrowserContext): string[] {
  const errors: string[] = [];
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(`${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => errors.push(String(error.error())));
  return errors;
}

/** Notes the adapter that a page got, for the summary of the run. The page must be on a secure origin. */
export async function recordPageAdapter(page: { evaluate<T>(body: () => Promise<T>): Promise<T> }): Promise<string | undefined> {
  const name = await page.evaluate(async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter ? adapter.info.description || [adapter.info.vendor, adapter.info.architecture].join(' ') : undefined;
  });
  if (name) recordAdapter('e2e', `${name} · page`);
  return name;
}
