// The program as people start it from a checkout: its own process, built when stale.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

function sluice(...words: string[]) {
  return spawnSync(process.execPath, ['src/tools/sluice.mjs', ...words], { cwd: ROOT, encoding: 'utf8', timeout: 120_000 });
}

test('standard output is one JSON document; the second run builds nothing', () => {
  const first = sluice('detokenize', '--tokens', '2047,439', '--json');
  expect(first.stderr.replace(/^Building dist.cli.sluice.js…\n/, '')).toBe('');
  expect([first.stdout, first.status]).toEqual(['{"text":"Hello there"}\n', 0]);
  expect(sluice('detokenize', '--tokens', '2047,439').stderr).toBe('');
});

test('a failure has status 1 and its error on standard output', () => {
  const { stdout, status } = sluice('inspect', 'missing.gguf', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'source-not-found' } });
  expect(status).toBe(1);
});

test('a long document is written whole through a pipe', () => {
  const { stdout, status } = sluice('inspect', 'demo', '--json');
  expect(status).toBe(0);
  expect(stdout.length).toBeGreaterThan(10_000);
  expect(JSON.parse(stdout)).toHaveProperty('tensors');
});
