// npm run fuzz [-- COUNT [FIRST_SEED]]: 100,000 damaged model files, each a function of its seed. Takes some minutes.

import { spawnSync } from 'node:child_process';
import { ROOT } from './install.mjs';

const [count = '100000', firstSeed = '1'] = process.argv.slice(2);
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'node', 'tests/formats/gguf-fuzz.test.ts'], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, FUZZ_COUNT: count, FUZZ_FIRST_SEED: firstSeed },
});
process.exit(status ?? 1);
