// npm run test:long: what takes many minutes: every architecture and every block format against llama.cpp's answers on the CPU and on WebGPU in Node, and the far
// ends of the shapes.

import { spawnSync } from 'node:child_process';
import { ROOT } from './install.mjs';

const { status } = spawnSync('npx', ['vitest', 'run', ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit', env: { ...process.env, LONG_TESTS: '1' } });
process.exit(status ?? 1);
