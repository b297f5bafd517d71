// Load progress by a clock that is moved by hand.

import { describe, expect, test } from 'vitest';
import type { LoadProgress } from '../../src/core/api';
import { ProgressMeter } from '../../src/worker/progress-meter';

function meterAt() {
  const reports: LoadProgress[] = [];
  let nowMs = 1000;
  const meter = new ProgressMeter(
    () => nowMs,
    (progress) => reports.push(progress),
  );
  const update = (afterMs: number, ...values: Parameters<ProgressMeter['update']>): LoadProgress | undefined => {
    nowMs += afterMs;
    const before = reports.length;
    meter.update(...values);
    return reports.length > before ? reports.at(-1) : undefined;
  };
  return { update };
}

describe('rate and time left', () => {
  test('are unknown at first, then those of the bytes so far', () => {
    const { update } = meterAt();
    expect(update(0, 'trunk', 0, 1000)).toEqual({ phase: 'trunk', bytesDone: 0, bytesTotal: 1000, bytesPerSecond: 0 });
    expect(update(500, 'trunk', 200, 1000)).toEqual({ phase: 'trunk', bytesDone: 200, bytesTotal: 1000, bytesPerSecond: 400, secondsLeft: 2 });
  });

  test('are of the last three seconds, so that a slow-down shows', () => {
    const { update } = meterAt();
    update(0, 'experts', 0, 1_000_000);
    update(1000, 'experts', 900_000, 1_000_000);
    update(1000, 'experts', 900_000, 1_000_000);
    update(2500, 'experts', 910_000, 1_000_000);
    expect(update(500, 'experts', 910_000, 1_000_000)).toMatchObject({ bytesPerSecond: 10_000 / 3, secondsLeft: 27 });
  });

  test('have no time left when the total is unknown or nothing moves', () => {
    const { update } = meterAt();
    update(0, 'open', 0, 0);
    expect(update(1000, 'open', 500, 0)).toEqual({ phase: 'open', bytesDone: 500, bytesTotal: 0, bytesPerSecond: 500 });
    update(0, 'trunk', 0, 100);
    expect(update(1000, 'trunk', 0, 100)).toEqual({ phase: 'trunk', bytesDone: 0, bytesTotal: 100, bytesPerSecond: 0 });
  });

  test('begin anew with each phase', () => {
    const { update } = meterAt();
    update(0, 'trunk', 0, 1000);
    update(1000, 'trunk', 1000, 1000);
    expect(update(1000, 'experts', 50, 100)).toEqual({ phase: 'experts', bytesDone: 50, bytesTotal: 100, bytesPerSecond: 0 });
    expect(update(1000, 'experts', 75, 100)).toMatchObject({ bytesPerSecond: 25, secondsLeft: 1 });
  });
});

describe('reports', () => {
  test('come at most every 50 ms, but always at the beginning and the end of a phase', () => {
    const { update } = meterAt();
    expect(update(0, 'trunk', 0, 100)).toBeDefined();
    expect(update(20, 'trunk', 10, 100)).toBeUndefined();
    expect(update(29, 'trunk', 20, 100)).toBeUndefined();
    expect(update(1, 'trunk', 30, 100)).toMatchObject({ bytesDone: 30 });
    expect(update(1, 'trunk', 100, 100)).toMatchObject({ bytesDone: 100, secondsLeft: 0 });
    expect(update(1, 'experts', 0, 100)).toMatchObject({ phase: 'experts' });
    expect(update(1, 'ready', 0, 0)).toMatchObject({ phase: 'ready' });
  });

  test('what came between them still counts', () => {
    const { update } = meterAt();
    update(0, 'trunk', 0, 1000);
    for (let count = 1; count <= 4; count++) update(10, 'trunk', count * 100, 1000);
    expect(update(10, 'trunk', 500, 1000)).toMatchObject({ bytesPerSecond: 10_000 });
  });
});
