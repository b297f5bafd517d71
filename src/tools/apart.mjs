// Tests apart from `npm test`. `npm run test:long`, many minutes: every architecture and every block format against llama.cpp's answers on the CPU and on WebGPU in
// Node, and the far ends of the shapes. `npm run soak`, hours: streaming under every policy and budget, and memory over an hour of generation (SOAK_MINUTES).

import { spawnSync } from 'node:child_process';
import { ROOT } from './install.mjs';

const [, , name = '', ...words] = process.argv;
const { status } = spawnSync('npx', ['vitest', 'run', ...words], { cwd: ROOT, stdio: 'inherit', env: { ...process.env, TESTS_APART: name } });
process.exit(status ?? 1);
