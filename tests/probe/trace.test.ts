import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors';
import { Random } from '../../src/core/random';
import type { RoutingFrame } from '../../src/core/routing-frame';
import { type Trace, TraceRecorder, joinTraces, routeOf, sequenceHeads, sequenceStarts, sliceTrace, traceOfFrame, weightsOf } from '../../src/probe/trace';
import { decodeTrace, encodeTrace } from '../../src/probe/trace-file';
import { expectEngineError } from '../support/expect-engine-error';
import { randomTrace } from '../support/random-trace';

const shape = fc.record({
  layerCount: fc.integer({ min: 1, max: 4 }),
  expertCount: fc.constantFrom(1, 2, 7, 256, 257, 700),
  topK: fc.integer({ min: 1, max: 3 }),
  tokenCount: fc.integer({ min: 0, max: 20 }),
  seed: fc.nat(),
  withTokenIds: fc.boolean(),
  withWeights: fc.boolean(),
  withTiers: fc.boolean(),
});

function traceOf({ withTokenIds, withWeights, withTiers, ...rest }: typeof shape extends fc.Arbitrary<infer Value> ? Value : never): Trace {
  const { tokenIds, weights, tiers, ...trace } = randomTrace({ ...rest, topK: Math.min(rest.topK, rest.expertCount) });
  return { ...trace, ...(withTokenIds && { tokenIds: tokenIds! }), ...(withWeights && { weights: weights! }), ...(withTiers && { tiers: tiers! }) };
}

describe('trace file', () => {
  test('gives back what was written', () => {
    fc.assert(
      fc.property(shape, (made) => {
        const trace = traceOf(made);
        expect(decodeTrace(encodeTrace(trace))).toEqual(trace);
        expect(decodeTrace(Buffer.from(encodeTrace(trace)))).toEqual(trace);
      }),
      { numRuns: 500 },
    );
  });

  test('a file with any bytes changed, cut or added is read or refused, and never more is allocated than it has', () => {
    const random = new Random(7);
    let refused = 0;
    for (let round = 0; round < 5000; round++) {
      const trace = randomTrace({ layerCount: 2, expertCount: 9, topK: 2, tokenCount: 6, seed: round });
      let bytes: Uint8Array = encodeTrace(trace);
      const kind = random.integer(0, 3);
      if (kind === 0) bytes = bytes.subarray(0, random.integer(0, bytes.length - 1));
      if (kind === 1) bytes = Uint8Array.of(...bytes, ...new Uint8Array(random.integer(1, 9)));
      if (kind >= 2) for (let i = random.integer(1, 4); i > 0; i--) bytes[random.integer(0, kind === 2 ? 19 : bytes.length - 1)] = random.integer(0, 255);
      try {
        const read = decodeTrace(bytes);
        expect(read.expertIds.every((id) => id < read.expertCount)).toBe(true);
        expect(read.expertIds.length + read.positions.length).toBeLessThanOrEqual(bytes.length);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(EngineError);
        expect((thrown as EngineError).code).toMatch(/^(file-corrupt|file-truncated|unsupported-version)$/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2500);
  });

  test('errors name the field', async () => {
    const bytes = encodeTrace(randomTrace({ layerCount: 2, expertCount: 9, topK: 2, tokenCount: 6, seed: 1 }));
    const change = (offset: number, ...values: number[]) => {
      const copy = bytes.slice();
      copy.set(values, offset);
      return () => decodeTrace(copy);
    };
    await expectEngineError(change(0, 1), 'file-corrupt', /magic/);
    await expectEngineError(change(4, 9), 'unsupported-version', /version 9/);
    await expectEngineError(change(6, 255), 'file-corrupt', /flags/);
    await expectEngineError(change(8, 255, 255, 255, 255), 'file-truncated', /tokenCount 4294967295/);
    await expectEngineError(change(12, 0), 'file-corrupt', /layerCount 0/);
    await expectEngineError(change(14, 10), 'file-corrupt', /topK 10/);
    await expectEngineError(change(16, 0), 'file-corrupt', /expertCount 0/);
    await expectEngineError(change(20 + 6 * 4, 2), 'file-corrupt', /phases/);
    await expectEngineError(change(20 + 6 * 5, 9), 'file-corrupt', /expertIds/);
    await expectEngineError(() => decodeTrace(bytes.subarray(0, 19)), 'file-truncated', /header/);
  });
});

describe('trace', () => {
  test('slices and joins are each other’s inverse', () => {
    const trace = randomTrace({ layerCount: 3, expertCount: 8, topK: 2, tokenCount: 10, seed: 3 });
    expect(joinTraces([sliceTrace(trace, 0, 4), sliceTrace(trace, 4, 10)])).toEqual(trace);
    expect(routeOf(sliceTrace(trace, 4, 10), 1, 2)).toEqual(routeOf(trace, 5, 2));
    expect(weightsOf(sliceTrace(trace, 4, 10), 1, 2)).toEqual(weightsOf(trace, 5, 2));
  });

  test('sequences are told by their positions', () => {
    const trace = randomTrace({ layerCount: 2, expertCount: 8, topK: 2, tokenCount: 7, seed: 5 });
    const cut = { ...trace, positions: Uint32Array.of(4, 5, 0, 1, 2, 0, 9) };
    expect(sequenceStarts(cut)).toEqual([0, 2, 5, 6, 7]);
    expect([...sequenceHeads(cut, 2).positions]).toEqual([4, 5, 0, 1, 0, 9]);
    expect(routeOf(sequenceHeads(cut, 2), 4, 1)).toEqual(routeOf(cut, 5, 1));
  });

  test('a recorder copies frames and stops when it is full', async () => {
    const source = randomTrace({ layerCount: 2, expertCount: 8, topK: 2, tokenCount: 5, seed: 4 });
    const frame: RoutingFrame = {
      ...source,
      sequence: 0,
      phase: 'decode',
      expertsPerToken: 2,
      tokenIds: source.tokenIds!,
      weights: source.weights!,
      tiers: source.tiers!.slice(),
      residency: new Uint8Array(16),
    };
    const recorder = new TraceRecorder(7);
    await expectEngineError(() => recorder.trace(), 'invalid-argument', /trace/);
    for (let i = 0; i < 3; i++) recorder.add(traceOfFrame(frame));
    frame.tiers.fill(0);
    expect(recorder.tokenCount).toBe(7);
    const decoded = { ...source, phases: new Uint8Array(5).fill(1) };
    expect(recorder.trace()).toEqual(joinTraces([decoded, sliceTrace(decoded, 0, 2)]));
  });
});
