// Builds a part of dist/ when its inputs changed since it was last built. The inputs' hash is kept in .cache/builds/.
//   node src/tools/build.mjs app|elements|cli

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './install.mjs';

const CONFIGURATION = ['package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts'];

/** @type {Record<'app' | 'elements' | 'cli', { mode: string, output: string, inputs: string[] }>} */
const BUILDS = {
  app: { mode: 'production', output: 'dist/app/index.html', inputs: ['index.html', 'src', 'shaders', 'public', ...CONFIGURATION] },
  elements: { mode: 'elements', output: 'dist/lib/sluice-elements.js', inputs: ['src', 'shaders', ...CONFIGURATION] },
  cli: { mode: 'cli', output: 'dist/cli/sluice.js', inputs: ['src', 'shaders', ...CONFIGURATION] },
};

/**
 * @param {keyof typeof BUILDS} name
 * @param {{ quiet?: boolean }} [options] quiet: output goes to standard error, and only when the build fails
 */
export function ensureBuilt(name, { quiet = false } = {}) {
  const { mode, output, inputs } = BUILDS[name];
  const stamp = join(ROOT, '.cache/builds', `${name}.txt`);
  const hash = hashOf(inputs);
  if (existsSync(join(ROOT, output)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  process.stderr.write(`Building ${output}…\n`);
  rmSync(stamp, { force: true });
  const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
  // Said here because a caller may have another one: under vitest it is "test", and the app would get the development build of its libraries.
  const env = { ...process.env, NODE_ENV: 'production' };
  const result = spawnSync(process.execPath, [vite, 'build', '--mode', mode], { cwd: ROOT, env, stdio: quiet ? 'pipe' : ['ignore', 2, 2], encoding: 'utf8' });
  if (result.status !== 0) {
    if (quiet) process.stderr.write(`${result.stdout}${result.stderr}`);
    throw new Error(`The build of ${output} failed; its message is above.`);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/** @param {readonly string[]} paths files and folders under the root. Large files count by size and time, the rest by content. */
function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap((path) => filesUnder(path))) {
    const { size, mtimeMs } = statSync(join(ROOT, path));
    hash.update(`${path}\0`);
    hash.update(size > 1_000_000 ? `${size} ${mtimeMs}` : readFileSync(join(ROOT, path)));
  }
  return hash.digest('hex');
}

/** @param {string} path @returns {string[]} */
function filesUnder(path) {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full)
    .sort()
    .flatMap((name) => filesUnder(`${path}/${name}`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    for (const name of process.argv.slice(2)) ensureBuilt(/** @type {keyof typeof BUILDS} */ (name));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
