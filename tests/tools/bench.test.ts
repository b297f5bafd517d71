// The bench itself: it runs, and what it prints can be read. Its numbers are nobody's business here.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const BENCH = join(import.meta.dirname, '../../src/tools/bench.mjs');
const STORE = {
  writeBytesPerSecond: expect.any(Number) as number,
  bareBytesPerSecond: expect.any(Number) as number,
  pathBytesPerSecond: expect.any(Number) as number,
  firstPathBytesPerSecond: expect.any(Number) as number,
  ratio: expect.any(Number) as number,
  firstRatio: expect.any(Number) as number,
};

test('npm run bench -- --json prints one document with the rates of both stores', { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BENCH, '--json', '--only', 'store', '--megabytes', '2', '--expert-kilobytes', '64'], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual({ megabytes: 2, expertBytes: 65_536, opfs: STORE, indexeddb: STORE });
});
