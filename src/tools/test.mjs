// npm test: installs what is missing, a Chromium included, then runs every check and every test. Goes on after a failure, so that one run shows them all.
// REQUIRE_GPU=1 turns WebGPU tests that found no adapter into a failure.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, ensureDependencies, requireNode } from './install.mjs';
import { summarise } from './summary.mjs';
import { ensureChromium, ensureVulkanLoader } from './system.mjs';

const CACHE = join(ROOT, '.cache');
const ADAPTERS = join(CACHE, 'adapters');
const REPORT = join(CACHE, 'tests.json');
/** Projects of vitest.config.ts that run on WebGPU. */
const WEBGPU_PROJECTS = ['gpu', 'browser'];

/** Programs are paths under node_modules, or of this folder. @type {ReadonlyArray<readonly [name: string, program: string, words: readonly string[]]>} */
const CHECKS = [
  ['types', 'typescript/bin/tsc', ['-p', '.']],
  ['types of pure layers', 'typescript/bin/tsc', ['-p', 'tsconfig.pure.json']],
  ['lint', 'oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']],
  ['format', 'prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.']],
  ['dead code', 'knip/bin/knip.js', ['--no-progress']],
  ['build app', 'src/tools/build.mjs', ['app']],
  ['build library', 'vite/bin/vite.js', ['build', '--mode', 'lib']],
  ['build elements', 'src/tools/build.mjs', ['elements']],
  ['build declarations', 'typescript/bin/tsc', ['-p', 'tsconfig.build.json']],
  ['build terminal', 'src/tools/build.mjs', ['cli']],
];

requireNode();
try {
  prepare();
  process.exitCode = run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function prepare() {
  ensureDependencies();
  process.env.CHROMIUM_PATH = ensureChromium();
  ensureVulkanLoader();
}

function run() {
  const failedChecks = CHECKS.filter(([name, program, words]) => !step(name, program, words)).map(([name]) => name);
  rmSync(ADAPTERS, { recursive: true, force: true });
  rmSync(REPORT, { force: true });
  mkdirSync(CACHE, { recursive: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const hasPassed = step('tests', 'vitest/vitest.mjs', ['run', ...reporters]);
  const report = existsSync(REPORT) ? JSON.parse(readFileSync(REPORT, 'utf8')) : undefined;
  const adapters = readAdapters();
  const summary = summarise({
    report,
    hasPassed,
    checkCount: CHECKS.length,
    failedChecks,
    missingAdapters: process.env.REQUIRE_GPU === '1' ? WEBGPU_PROJECTS.filter((project) => !adapters.some(([name]) => name === project)) : [],
  });

  process.stdout.write('\nWebGPU ran on:\n');
  for (const [project, description] of adapters) process.stdout.write(`  ${project}: ${description}\n`);
  if (adapters.length === 0) process.stdout.write('  nothing: there is no adapter, so tests on WebGPU were skipped\n');
  for (const sentence of summary.sentences) process.stdout.write(`${sentence}\n`);
  process.stdout.write(`${summary.passed} passed, ${summary.failed} failed\n`);
  return summary.failed === 0 ? 0 : 1;
}

/** @param {string} name @param {string} program @param {readonly string[]} words @returns {boolean} whether it succeeded */
function step(name, program, words) {
  process.stdout.write(`\n── ${name}\n`);
  const began = performance.now();
  const path = join(ROOT, program.startsWith('src/') ? '.' : 'node_modules', program);
  const { status } = spawnSync(process.execPath, [path, ...words], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  process.stdout.write(`── ${name}: ${status === 0 ? 'ok' : 'FAILED'} after ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  return status === 0;
}

/** @returns {Array<[project: string, description: string]>} */
function readAdapters() {
  if (!existsSync(ADAPTERS)) return [];
  return readdirSync(ADAPTERS)
    .sort()
    .flatMap((file) =>
      // Two files of tests that begin at once note their adapter twice.
      [...new Set(readFileSync(join(ADAPTERS, file), 'utf8').split('\n').filter(Boolean))].map(
        (line) => /** @type {[string, string]} */ ([file.replace('.txt', ''), line]),
      ),
    );
}
