import { describe, expect, test } from 'vitest';
import { LAPTOP_COST, simulate } from '../../src/scheduler/simulator';
import { drawCurves } from '../../src/ui/draw/curve';
import { formatDuration, haltSentence, loadSentence, timeParts } from '../../src/ui/model/answer-times';
import { measuredCost } from '../../src/ui/model/measured-cost';
import { partCount, simulateAll, slotSteps, stepUpBytes, type SimulationPart } from '../../src/ui/model/simulation';
import { randomTrace } from '../support/random-trace';

const NO_TIMES = { computeMs: 0, haltMs: 0, readMs: 0, checksumMs: 0, uploadMs: 0, waitMs: 0 };

describe('the parts of an answer’s time', () => {
  test('add up to the whole', () => {
    const parts = timeParts({ elapsedMs: 200, times: { computeMs: 100, haltMs: 20, readMs: 30, checksumMs: 5, uploadMs: 10, waitMs: 15 } });
    expect(parts.map(({ name, ms }) => [name, ms])).toEqual([
      ['compute', 100],
      ['halt', 20],
      ['read', 30],
      ['checksum', 5],
      ['upload', 10],
      ['wait', 15],
      ['other', 20],
    ]);
    expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  test('are never more than the whole, and nothing of nothing', () => {
    expect(timeParts({ elapsedMs: 90, times: { ...NO_TIMES, computeMs: 100 } }).map(({ share }) => share)).toEqual([1, 0, 0, 0, 0, 0, 0]);
    expect(timeParts({ elapsedMs: 0, times: NO_TIMES }).every(({ share }) => share === 0)).toBe(true);
  });

  test('in words', () => {
    expect([0, 3.26, 640, 999.6, 3400, 128_000].map(formatDuration)).toEqual(['0 ms', '3.3 ms', '640 ms', '1.0 s', '3.4 s', '128 s']);
    expect(haltSentence({ halts: 0, missingLayers: 0 })).toBe('It never halted: every expert was there.');
    expect(haltSentence({ halts: 1, missingLayers: 1 })).toBe('It halted once for missing experts; looking ahead saved none.');
    expect(haltSentence({ halts: 12, missingLayers: 31 })).toBe('It halted 12 times for missing experts; without looking ahead it would have been 31.');
    expect(loadSentence({ all: 0, lookAhead: 0, lookAheadUsed: 0 })).toBeUndefined();
    expect(loadSentence({ all: 1, lookAhead: 0, lookAheadUsed: 0 })).toBe('1 expert was brought in.');
    expect(loadSentence({ all: 45, lookAhead: 30, lookAheadUsed: 28 })).toBe('45 experts were brought in, 30 of them by looking ahead; 28 of those were used.');
  });
});

describe('measured cost', () => {
  const nothing = {
    times: NO_TIMES,
    elapsedMs: 0,
    bytesRead: { ram: 0, disk: 0, network: 0 },
    bytesUploaded: 0,
    halts: 0,
    missingLayers: 0,
    generatedTokens: 0,
    decodeTokensPerSecond: 0,
  };

  test('before any answer it is a laptop’s, with the store’s rate where that is known', () => {
    expect(measuredCost(nothing, { layerCount: 6 }).cost).toEqual(LAPTOP_COST);
    const { cost, isMeasured } = measuredCost(nothing, { layerCount: 6, storeReadBytesPerSecond: 5e8 });
    expect(cost).toEqual({ ...LAPTOP_COST, readBytesPerSecond: 5e8 });
    expect(Object.values(isMeasured)).toEqual([false, false, false, false]);
  });

  test('an answer without a miss measures computing only', () => {
    // 10 tokens through 4 layers in 200 ms, after 50 ms of prompt; 10 ms are the host's.
    const stats = { ...nothing, elapsedMs: 250, times: { ...NO_TIMES, computeMs: 240 }, bytesUploaded: 9000, generatedTokens: 10, decodeTokensPerSecond: 50 };
    expect(measuredCost(stats, { layerCount: 4 })).toEqual({
      cost: { ...LAPTOP_COST, computeMsPerLayer: 5 },
      isMeasured: { readBytesPerSecond: false, uploadBytesPerSecond: false, computeMsPerLayer: true, haltMs: false },
    });
  });

  test('an answer with misses measures all', () => {
    const times = { computeMs: 130, haltMs: 40, readMs: 50, checksumMs: 10, uploadMs: 20, waitMs: 40 };
    const bytesRead = { ram: 1_000_000, disk: 3_000_000, network: 1_000_000 };
    const stats = {
      ...nothing,
      elapsedMs: 300,
      times,
      bytesRead,
      bytesUploaded: 5_000_000,
      halts: 5,
      missingLayers: 8,
      generatedTokens: 10,
      decodeTokensPerSecond: 40,
    };
    const { cost, isMeasured } = measuredCost(stats, { layerCount: 4 });
    expect(Object.values(isMeasured)).toEqual([true, true, true, true]);
    // Decode took 250 ms, of which 160 were waited: at least 90 were computing.
    expect(cost).toEqual({ readBytesPerSecond: 5e7, uploadBytesPerSecond: 2.5e8, computeMsPerLayer: 90 / 40, haltMs: 5 });
  });

  test('where the prompt and decode may both have waited, decode has its share of computing', () => {
    const stats = { ...nothing, elapsedMs: 300, generatedTokens: 10, decodeTokensPerSecond: 40, times: { ...NO_TIMES, computeMs: 40, readMs: 260 } };
    expect(measuredCost(stats, { layerCount: 5 }).cost.computeMsPerLayer).toBeCloseTo((40 * 250) / 300 / 50);
  });
});

describe('simulation', () => {
  const trace = randomTrace({ layerCount: 3, expertCount: 16, topK: 2, tokenCount: 60, seed: 5 });
  const spec = { trace, policy: 'lru', slotBytes: 100, cost: LAPTOP_COST, gpuBytes: 1250 };
  const parts = [...simulateAll(spec)];
  const only = <Kind extends SimulationPart['kind']>(kind: Kind) => parts.filter((part): part is Extract<SimulationPart, { kind: Kind }> => part.kind === kind);

  test('says beforehand how many parts there are', () => {
    expect(parts).toHaveLength(partCount(spec));
  });

  test('a point is what simulate says of it', () => {
    for (const { curve, result } of only('point')) {
      const policy = { policy: 'lru', plain: 'lru/none', bound: 'belady' }[curve];
      expect(result).toEqual(simulate({ trace, policy, slotCount: result.slotCount, slotBytes: 100 }));
    }
  });

  test('no curve passes the bound, and with all experts only first uses miss', () => {
    const rates = (name: string) => only('point').flatMap(({ curve, result }) => (curve === name ? [result.hitRate] : []));
    const bound = rates('bound');
    for (const name of ['policy', 'plain']) rates(name).forEach((rate, i) => expect(rate).toBeLessThanOrEqual(bound[i]! + 1e-9));
    const used = new Set(Array.from(trace.expertIds, (expert, at) => (Math.floor(at / 2) % 3) * 16 + expert)).size;
    expect(only('point').find(({ result }) => result.slotCount === 48)?.result.misses).toBe(used);
  });

  test('looks closely at the budget in force, and one step up', () => {
    const [here] = only('here');
    expect(here).toMatchObject({ stepBytes: 480, result: { slotCount: 12 }, more: { slotCount: 17 } });
    const [full] = [...simulateAll({ ...spec, gpuBytes: 4800 })];
    expect(full).toMatchObject({ kind: 'here', result: { slotCount: 48 }, more: undefined });
    expect(only('verdict')).toHaveLength(1);
  });

  test('slots to try rise from what one layer needs to all experts', () => {
    for (const shape of [trace, { layerCount: 48, expertCount: 128, topK: 8 }, { layerCount: 1, expertCount: 2, topK: 2 }]) {
      const steps = slotSteps(shape);
      expect([steps[0], steps.at(-1)]).toEqual([shape.topK, shape.layerCount * shape.expertCount]);
      expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
    }
    expect([stepUpBytes(2e7), stepUpBytes(6e10)]).toEqual([2e6, 1e9]);
  });
});

describe('the picture of curves', () => {
  const input = { width: 400, height: 200, totalBytes: 1000, marks: { now: 250, beyond: 5000 } };

  test('lies in its field, from left to right', () => {
    const { field, paths, dots, marks, xTicks, yTicks } = drawCurves({
      ...input,
      curves: {
        a: [
          { bytes: 1000, value: 1 },
          { bytes: 0, value: 0 },
          { bytes: 500, value: 0.5 },
        ],
        empty: [],
      },
    });
    expect(paths).toEqual({
      a: `M${field.left} ${field.bottom}L${(field.left + field.right) / 2} ${(field.top + field.bottom) / 2}L${field.right} ${field.top}`,
      empty: '',
    });
    expect(dots['a']).toHaveLength(3);
    expect(marks).toEqual({ now: field.left + (field.right - field.left) / 4, beyond: field.right });
    expect([xTicks[0]?.x, xTicks.at(-1)]).toEqual([field.left, { x: field.right, bytes: 1000 }]);
    expect(yTicks.map(({ value }) => value)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });

  test('of no width or no experts is still a picture', () => {
    const { field, paths } = drawCurves({ width: 0, height: 0, totalBytes: 0, marks: {}, curves: { a: [{ bytes: 0, value: Number.MIN_VALUE }] } });
    expect(field.right).toBeGreaterThan(field.left);
    expect(paths['a']).not.toContain('NaN');
  });
});
