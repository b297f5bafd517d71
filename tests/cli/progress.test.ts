import { expect, test } from 'vitest';
import { ProgressLine, describeProgress } from '../../src/cli/progress';
import type { LoadProgress } from '../../src/core/api';
import { TestTerminal } from '../support/terminal';

const half: LoadProgress = { phase: 'experts', bytesDone: 11_400_000, bytesTotal: 22_800_000, bytesPerSecond: 5_700_000, secondsLeft: 1.2 };

test('tells bytes, rate and time left', () => {
  expect(describeProgress(half)).toBe('Loading experts  [############------------]  11.4 MB of 22.8 MB · 5.7 MB/s · 2 s left');
});

test('leaves out what is not known', () => {
  expect(describeProgress({ phase: 'compile', bytesDone: 0, bytesTotal: 0, bytesPerSecond: 0 })).toBe('Preparing kernels');
  expect(describeProgress({ phase: 'trunk', bytesDone: 500, bytesTotal: 0, bytesPerSecond: 0 })).toBe('Loading the trunk  500 B');
  expect(describeProgress({ ...half, bytesPerSecond: 0, secondsLeft: 7200 })).toContain('MB · 2.0 h left');
});

test('a terminal gets one line, redrawn at most every tenth of a second and cleared at the end', () => {
  const terminal = new TestTerminal(true, 40);
  const line = new ProgressLine(terminal);
  line.update(half);
  const once = terminal.stderr;
  expect(once).toMatch(/^\r/);
  expect(once.replace('\r\u001b[K', '').length).toBe(39);
  terminal.nowMs = 50;
  line.update(half);
  expect(terminal.stderr).toBe(once);
  terminal.nowMs = 150;
  line.update(half);
  expect(terminal.stderr).toBe(once + once);
  line.close();
  line.close();
  expect(terminal.stderr).toBe(`${once}${once}\r\u001b[K`);
});

test('a log gets one line per phase', () => {
  const terminal = new TestTerminal(false);
  const line = new ProgressLine(terminal);
  for (const phase of ['open', 'trunk', 'trunk', 'ready'] as const) line.update({ ...half, phase });
  line.close();
  expect(terminal.stderr).toBe('Opening the model\nLoading the trunk\n');
});
