import { expect, test } from 'vitest';
import { expectEngineError } from '../support/expect-engine-error';
import { randomTrace } from '../support/random-trace';
import { encodeTrace } from '../../src/probe/trace-file';
import { LAPTOP_COST } from '../../src/scheduler/simulator';
import { simulateAll } from '../../src/ui/model/simulation';
import { describeMore, describeVerdict, noResults, verdictFigures, withPart } from '../../src/ui/simulator/results';
import { readTraceFile } from '../../src/ui/simulator/trace-input';

const trace = randomTrace({ layerCount: 2, expertCount: 8, topK: 2, tokenCount: 40, seed: 1 });
const spec = { trace, policy: 'forecast', slotBytes: 1000, cost: LAPTOP_COST, gpuBytes: 6000 };
const fileOf = (...parts: BlobPart[]) => new File(parts, 'a.sltr');

test('results grow part by part, and say what more memory buys', () => {
  const results = [...simulateAll(spec)].reduce(withPart, noResults(spec));
  expect(results.partsDone).toBe(results.points.policy.length * 3 + 2);
  expect(results.points.plain.map(({ policy }) => policy)).toEqual(results.points.plain.map(() => 'lru/none'));
  expect(describeMore(results.here!)).toMatch(/^1\.6 kB more would raise the hit rate from \d+ % to \d+ % and the speed from [\d.]+ to [\d.]+ tokens\/s\.$/);
  expect(describeMore({ ...results.here!, more: undefined })).toBe('Every expert fits: more memory buys nothing.');
  expect(describeMore({ ...results.here!, more: results.here!.result })).toMatch(/would buy nothing/);
  const { verdict, reuse } = results.verdict!;
  expect(describeVerdict(verdict)).toContain('suits offloading');
  expect(verdictFigures(verdict, reuse)).toMatch(
    /^SRP\(16\) 0\.\d\d · SCH\(16\) \d+ % \/ \d+ % \/ \d+ % with 1 \/ 2 \/ 3 × top-k slots per layer · the next token uses \d+ % of the experts again$/,
  );
});

test('a trace comes back from its file', async () => {
  expect(await readTraceFile(fileOf(encodeTrace(trace)))).toEqual(trace);
});

test('files that are no trace, or too much for a page, are refused', async () => {
  const bytes = encodeTrace(trace);
  await expectEngineError(() => readTraceFile(fileOf('no trace, though long enough')), 'file-corrupt');
  await expectEngineError(() => readTraceFile(fileOf(bytes.slice(0, -1))), 'file-truncated');
  const empty = { ...trace, tokenCount: 0, positions: new Uint32Array(0), phases: new Uint8Array(0), expertIds: new Uint16Array(0) };
  const { tokenIds: _t, weights: _w, tiers: _i, ...columns } = empty;
  await expectEngineError(() => readTraceFile(fileOf(encodeTrace(columns))), 'invalid-argument');
  // Twenty-odd bytes that ask for four thousand million experts.
  const wide = { ...columns, layerCount: 65_535, expertCount: 65_536, topK: 1 };
  const oneToken = { ...wide, tokenCount: 1, positions: new Uint32Array(1), phases: new Uint8Array(1), expertIds: new Uint16Array(65_535) };
  await expectEngineError(() => readTraceFile(fileOf(encodeTrace(oneToken))), 'invalid-argument');
});
