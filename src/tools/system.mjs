// What tests need from the machine beyond npm: a Chromium that starts, and the Vulkan loader for WebGPU in Node. Both are found first, installed only on
// Debian and Ubuntu as root, and otherwise asked for in one sentence. Plain Node.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findChromium } from './chromium.mjs';
import { ROOT } from './install.mjs';

const VULKAN_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
  '/lib/x86_64-linux-gnu',
  '/lib64',
];

/** Path of a Chromium that starts. Throws with one sentence when there is none and none can be installed. */
export function ensureChromium() {
  const present = workingChromium();
  if (present) return present;
  if (canInstall()) {
    aptInstall(['chromium', 'libvulkan1']);
    // Ubuntu has Chromium only as a snap, which does not start in containers.
    if (!workingChromium()) installWithPlaywright();
  }
  const installed = workingChromium();
  if (installed) return installed;
  throw new Error(
    'The tests need a Chromium: install one (on Debian `apt-get install chromium libvulkan1`, elsewhere `npx playwright install chromium`) or name one in CHROMIUM_PATH.',
  );
}

/** Makes sure that the `webgpu` package finds Vulkan's loader. */
export function ensureVulkanLoader() {
  if (process.platform !== 'linux' || hasVulkanLoader()) return;
  if (canInstall()) aptInstall(['libvulkan1']);
  if (!hasVulkanLoader()) throw new Error("The tests need Vulkan's loader for WebGPU in Node: install libvulkan1 (Debian, Ubuntu) or vulkan-loader.");
}

function hasVulkanLoader() {
  return VULKAN_FOLDERS.some((folder) => existsSync(join(folder, 'libvulkan.so.1')));
}

function workingChromium() {
  const path = findChromium();
  if (!path) return undefined;
  // Chrome on Windows opens a window instead of printing its version.
  if (process.platform === 'win32' || spawnSync(path, ['--version', '--no-sandbox'], { timeout: 60_000 }).status === 0) return path;
  if (process.env.CHROMIUM_PATH) throw new Error(`CHROMIUM_PATH is "${path}", which does not start; correct or unset it.`);
  return undefined;
}

function canInstall() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** @param {string[]} packages */
function aptInstall(packages) {
  process.stderr.write(`Installing ${packages.join(', ')}…\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { stdio: ['ignore', 2, 2], env });
  spawnSync('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], { stdio: ['ignore', 2, 2], env });
}

function installWithPlaywright() {
  const cli = join(ROOT, 'node_modules/playwright/cli.js');
  if (existsSync(cli)) spawnSync(process.execPath, [cli, 'install', '--with-deps', 'chromium'], { stdio: ['ignore', 2, 2] });
}
