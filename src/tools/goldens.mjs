// npm run test:goldens: every architecture and every block format against llama.cpp's answers, on the CPU and on WebGPU in Node. Takes many minutes.

import { spawnSync } from 'node:child_process';
import { ROOT } from './install.mjs';

const files = ['tests/engine/architectures.test.ts', 'tests/engine-cpu/architectures.test.ts'];
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'gpu', '--project', 'node', ...files], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, ALL_GOLDENS: '1' },
});
process.exit(status ?? 1);
