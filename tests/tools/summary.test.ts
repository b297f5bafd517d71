import { expect, test } from 'vitest';
import { summarise } from '../../src/tools/summary.mjs';

const report = { numPassedTests: 7, numFailedTests: 0, numPendingTests: 0, testResults: [] };
const facts = { report, hasPassed: true, checkCount: 3, failedChecks: [], missingAdapters: [] };

test('every check counts as one', () => {
  expect(summarise(facts)).toEqual({ passed: 10, failed: 0, sentences: [] });
  expect(summarise({ ...facts, failedChecks: ['lint'] })).toEqual({ passed: 9, failed: 1, sentences: ['Failed: lint.'] });
});

test('a file that does not load is a failure', () => {
  const broken = { ...report, testResults: [{ name: 'a.test.ts', status: 'failed', assertionResults: [] }] };
  expect(summarise({ ...facts, report: broken, hasPassed: false })).toMatchObject({ failed: 1, sentences: ['Failed to load: a.test.ts.'] });
});

test('a run that ends badly without a failed test is a failure, and so is one without a report', () => {
  expect(summarise({ ...facts, hasPassed: false }).failed).toBe(1);
  expect(summarise({ ...facts, report: undefined, hasPassed: false }).failed).toBe(1);
});

test('a project that needed an adapter and had none is a failure', () => {
  const summary = summarise({ ...facts, missingAdapters: ['gpu'] });
  expect(summary.failed).toBe(1);
  expect(summary.sentences[0]).toContain('"gpu"');
});

test('skipped tests are named', () => {
  expect(summarise({ ...facts, report: { ...report, numPendingTests: 2 } }).sentences).toEqual(['Skipped: 2.']);
});
