// A Chromium whose user has blocked all site data, as a profile says it: IndexedDB is there and refuses to open, in pages and in workers.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from '../../src/tools/chromium.mjs';

const BLOCKED = 2; // CONTENT_SETTING_BLOCK

export async function launchWithBlockedStorage(): Promise<{ readonly context: BrowserContext; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-profile-'));
  await mkdir(join(folder, 'Default'));
  const preferences = { profile: { default_content_setting_values: { cookies: BLOCKED } } };
  await writeFile(join(folder, 'Default/Preferences'), JSON.stringify(preferences));
  const executablePath = findChromium();
  const context = await chromium.launchPersistentContext(folder, { args: CHROMIUM_FLAGS, ...(executablePath ? { executablePath } : {}) });
  return {
    context,
    close: async () => {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
