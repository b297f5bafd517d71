// Four kinds of test, each where it belongs:
//   node      pure parts, the CPU backend, files, tools                 tests/**, except what is named below
//   gpu       kernels and engine on WebGPU in Node (Dawn)               tests/kernels, tests/engine
//   browser   the same kernels in Chromium, and what only a page has    tests/kernels, tests/browser
//   e2e       the built page, driven from outside                       tests/e2e
//   long      what takes many minutes, instead of the four              tests/long, with `npm run test:long`
//   soak      what takes hours                                          tests/soak, with `npm run soak`
// Files of `gpu` and `node` run first, several at once; then those of `browser` and `e2e`, one of each at a time, so that on two cores neither half waits for the
// other. (vitest puts projects of one worker into a group of their own, after the others, and runs tests in a browser beside those in Node.)

import { availableParallelism } from 'node:os';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { CHROMIUM_FLAGS, findChromium, findVulkanDriver } from './src/tools/chromium.mjs';
import { bundledWorker } from './tests/support/bundled-worker.ts';
import { recordAdapterCommand } from './tests/support/gpu-log.ts';

const KERNELS = 'tests/kernels/**/*.test.ts';
const ENGINE = 'tests/engine/**/*.test.ts';
const BROWSER = 'tests/browser/**/*.test.ts';
const E2E = 'tests/e2e/**/*.test.ts';
const LONG = 'tests/long/**/*.test.ts';
const SOAK = 'tests/soak/**/*.test.ts';

const provide = { requireGpu: process.env['REQUIRE_GPU'] === '1' };
const chromiumPath = findChromium();
const vulkanDriver = findVulkanDriver();
/** A test on a software adapter keeps a core busy. */
const WORKERS = Math.max(2, Math.min(4, availableParallelism() - 1));

const node: TestProjectConfiguration = {
  test: {
    name: 'node',
    include: ['tests/**/*.test.ts'],
    exclude: [KERNELS, ENGINE, BROWSER, E2E, LONG, SOAK],
    environment: 'node',
    maxWorkers: WORKERS,
    testTimeout: 60_000,
    provide,
  },
};

const gpu: TestProjectConfiguration = {
  test: {
    name: 'gpu',
    include: [KERNELS, ENGINE],
    environment: 'node',
    // The Vulkan loader reads the real environment of its process, so this needs processes, not threads.
    pool: 'forks',
    maxWorkers: WORKERS,
    env: { SLUICE_PROJECT: 'gpu', ...(vulkanDriver ? { VK_ICD_FILENAMES: vulkanDriver } : {}) },
    setupFiles: ['tests/support/dawn-polling.ts'],
    globalSetup: ['tests/support/gpu-log-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    provide,
  },
};

const browser: TestProjectConfiguration = {
  plugins: [bundledWorker()],
  test: {
    name: 'browser',
    include: [KERNELS, BROWSER],
    fileParallelism: false,
    globalSetup: ['tests/support/gpu-log-setup.ts', 'tests/support/model-server.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    provide,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { args: CHROMIUM_FLAGS, ...(chromiumPath ? { executablePath: chromiumPath } : {}) } }),
      instances: [{ browser: 'chromium' }],
      commands: { recordAdapter: recordAdapterCommand },
    },
  },
};

const e2e: TestProjectConfiguration = {
  test: {
    name: 'e2e',
    include: [E2E],
    environment: 'node',
    fileParallelism: false,
    globalSetup: ['tests/support/gpu-log-setup.ts', 'tests/support/e2e-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    provide,
  },
};

// Minutes and hours, so apart from the rest, and one file at a time: `npm run test:long`, `npm run soak`.
const apart = (name: string, include: string): TestProjectConfiguration => ({
  test: { ...gpu.test, name, include: [include], maxWorkers: 1, testTimeout: 600_000 },
});

const projects: Readonly<Record<string, TestProjectConfiguration[]>> = { long: [apart('long', LONG)], soak: [apart('soak', SOAK)] };

export default defineConfig({ test: { projects: projects[process.env['TESTS_APART'] ?? ''] ?? [node, gpu, browser, e2e] } });
