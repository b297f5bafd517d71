import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BudgetReport } from '../../src/core/api';
import {
  budgetAdvice,
  budgetPercent,
  bytesForPercent,
  describeAdvice,
  hitRate,
  minimumBytes,
  percentOfExperts,
  recommendedPercent,
  sliderShare,
} from '../../src/ui/model/budget';
import { describeProgress, formatParameters, formatRate, formatSeconds, formatShare, visibleToken } from '../../src/ui/model/format';
import { completionOptions, DEFAULT_SETTINGS, parseSetting, SETTING_FIELDS, type SettingField } from '../../src/ui/model/settings';

describe('text of numbers', () => {
  test('shares, rates, seconds, parameters', () => {
    expect([0, 0.034, 0.0999, 0.5, 1, NaN].map(formatShare)).toEqual(['0 %', '3.4 %', '10 %', '50 %', '100 %', '–']);
    expect([0, 8.31, 99.9, 250, NaN, Infinity].map(formatRate)).toEqual(['–', '8.3', '100', '250', '–', '–']);
    expect([0.2, 8.4, 59.6, 119, 7800].map(formatSeconds)).toEqual(['1 s', '8 s', '1 min', '2 min', '2 h 10 min']);
    expect([950, 4_640_768, 21_155_840, 30_500_000_000].map(formatParameters)).toEqual(['950', '4.6 M', '21 M', '31 B']);
  });

  test('progress says what is known and nothing else', () => {
    const known = { phase: 'experts', bytesDone: 12_400_000, bytesTotal: 22_800_000, bytesPerSecond: 8_100_000, secondsLeft: 1.3 } as const;
    expect(describeProgress(known)).toBe('12.4 MB of 22.8 MB · 8.1 MB/s · 1 s left');
    expect(describeProgress({ phase: 'open', bytesDone: 0, bytesTotal: 0, bytesPerSecond: 0 })).toBe('');
    expect(describeProgress({ phase: 'trunk', bytesDone: 5000, bytesTotal: 0, bytesPerSecond: 0 })).toBe('5.0 kB');
  });

  test('white space and empty tokens are visible', () => {
    expect([' a', '\n\n', '\t', ''].map(visibleToken)).toEqual(['·a', '↵↵', '⇥', '∅']);
  });
});

describe('budget', () => {
  const report: BudgetReport = {
    requestedGpuBytes: 400,
    gpuBytes: 400,
    gpuSlots: 4,
    minimumGpuSlots: 2,
    ramBytes: 0,
    tokenCycleBytes: 300,
    expertTotalBytes: 1000,
    verdict: 'near-cycle',
    recommendedGpuBytes: 600,
  };

  test('percent and bytes are each other’s inverse', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 100 }), (percent) => {
        const requestedGpuBytes = bytesForPercent(percent, { ...report, expertTotalBytes: 20_054_016 });
        expect(budgetPercent({ ...report, requestedGpuBytes, expertTotalBytes: 20_054_016 })).toBe(percent);
      }),
    );
  });

  test('the slider stays in its range', () => {
    expect(budgetPercent({ ...report, requestedGpuBytes: 1 })).toBe(5);
    expect(budgetPercent({ ...report, requestedGpuBytes: 5000 })).toBe(100);
    expect(percentOfExperts(0, { ...report, expertTotalBytes: 0 })).toBe(100);
  });

  test('advice turns at the bytes of one token, of two, and of all experts', () => {
    const advice = [299, 300, 599, 600, 999, 1000].map((bytes) => budgetAdvice(bytes, report));
    expect(advice).toEqual(['below-cycle', 'near-cycle', 'near-cycle', 'streams', 'streams', 'resident']);
    expect(budgetAdvice(report.gpuBytes, report)).toBe(report.verdict);
  });

  test('warnings say what would be enough', () => {
    expect(describeAdvice('below-cycle', report)).toMatch(/^Less than the experts of one token: .* From 600 B on it runs well\.$/);
    expect(describeAdvice('near-cycle', report)).toMatch(/^Little more than the experts of one token: .* From 600 B on it runs well\.$/);
    expect(describeAdvice('streams', report)).not.toContain('600 B');
  });

  test('the recommended place on the slider is never less than recommended', () => {
    expect([600, 601, 1, 1000].map((recommendedGpuBytes) => recommendedPercent({ ...report, recommendedGpuBytes }))).toEqual([60, 61, 5, 100]);
    expect([0, 50, 525, 1000, 2000].map((bytes) => sliderShare(bytes, report))).toEqual([0, 0, 0.5, 1, 1]);
  });

  test('the minimum is counted in slots of the present size', () => {
    expect(minimumBytes(report)).toBe(200);
    expect(minimumBytes({ ...report, gpuSlots: 0 })).toBe(0);
  });

  test('hit rate', () => {
    expect(hitRate(3, 1)).toBe(0.75);
    expect(hitRate(0, 0)).toBeNaN();
  });
});

describe('settings', () => {
  const field = (key: SettingField['key']): SettingField => SETTING_FIELDS.find((candidate) => candidate.key === key)!;

  test('every setting has a field, and its default lies within', () => {
    expect(SETTING_FIELDS.map(({ key }) => key).sort()).toEqual(Object.keys(DEFAULT_SETTINGS).sort());
    const outside = SETTING_FIELDS.filter(({ key, min, max }) => (DEFAULT_SETTINGS[key] ?? min) < min || (DEFAULT_SETTINGS[key] ?? max) > max);
    expect(outside).toEqual([]);
  });

  test('input is brought into range, and what is no number is refused', () => {
    expect(parseSetting(field('temperature'), '9')).toBe(2);
    expect(parseSetting(field('topK'), '3.6')).toBe(4);
    expect(parseSetting(field('topP'), '-1')).toBe(0.01);
    expect(parseSetting(field('seed'), ' ')).toBeUndefined();
    expect(parseSetting(field('maxTokens'), 'many')).toBeUndefined();
  });

  test('become options under the names of the API', () => {
    expect(completionOptions(DEFAULT_SETTINGS, 7)).toEqual({
      temperature: 0.7,
      top_k: 40,
      top_p: 1,
      min_p: 0,
      repetition_penalty: 1,
      max_tokens: 200,
      seed: 7,
    });
  });
});
