// What must be there before anything else runs: a Node that is new enough, and the dependencies that package-lock.json names. Plain Node, no dependencies.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Ends the program with one sentence when Node is older than package.json's `engines` asks for. */
export function requireNode() {
  const needed = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).engines.node.replace('>=', '');
  const [neededMajor, neededMinor] = needed.split('.').map(Number);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  process.stderr.write(`Sluice needs Node ${needed} or newer, and this is Node ${process.versions.node}.\n`);
  process.exit(1);
}

/**
 * Runs `npm ci` when node_modules is missing or holds other versions than package-lock.json names. Throws when that fails.
 * @param {{ quiet?: boolean }} [options] quiet: npm's output goes to standard error
 */
export function ensureDependencies({ quiet = false } = {}) {
  if (dependenciesAgree(readLock('package-lock.json'), readLock('node_modules/.package-lock.json'))) return;
  process.stderr.write('Installing dependencies…\n');
  const stdio = /** @type {import('node:child_process').StdioOptions} */ (quiet ? ['ignore', 2, 2] : 'inherit');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--include=dev'], { cwd: ROOT, stdio, shell: process.platform === 'win32' });
  if (result.status !== 0) throw new Error('npm could not install the dependencies; its message is above.');
}

/**
 * @typedef {Record<string, { version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean, link?: boolean }>} Lock
 * @param {Lock | undefined} wanted packages of package-lock.json
 * @param {Lock | undefined} installed packages of the lock file that npm keeps inside node_modules: what is really there
 */
export function dependenciesAgree(wanted, installed) {
  if (!wanted || !installed) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    if (!found) return Boolean(entry.optional || entry.devOptional || entry.peer);
    return found.version === entry.version;
  });
}

/** @param {string} path @returns {Lock | undefined} */
function readLock(path) {
  const full = join(ROOT, path);
  return existsSync(full) ? JSON.parse(readFileSync(full, 'utf8')).packages : undefined;
}
