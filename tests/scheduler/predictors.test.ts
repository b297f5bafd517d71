// What predictors foresee, on routes made so that it is known, and how much on recorded ones.

import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/probe/trace';
import { PREDICTOR_NAMES, createPredictor } from '../../src/scheduler/predictors/create-predictor';
import { largest } from '../../src/scheduler/predictors/predictor';
import { predictionQuality } from '../../src/scheduler/predictors/quality';
import { RecordedPredictor } from '../../src/scheduler/predictors/simple';
import { simulate } from '../../src/scheduler/simulator';
import { expectEngineError } from '../support/expect-engine-error';
import { DOMAINS, routesOf } from '../support/golden-routes';
import { randomTrace } from '../support/random-trace';

/** 2 layers of 8 experts, 1 per token; `layerOne` and `layerTwo` say what token t uses. */
function madeTrace(tokenIds: readonly number[], layerOne: (token: number) => number, layerTwo: (token: number) => number): Trace {
  const tokenCount = tokenIds.length;
  return {
    layerCount: 2,
    expertCount: 8,
    topK: 1,
    tokenCount,
    positions: Uint32Array.from(tokenIds.keys()),
    phases: new Uint8Array(tokenCount),
    tokenIds: Uint32Array.from(tokenIds),
    expertIds: Uint16Array.from({ length: 2 * tokenCount }, (_, i) => (i % 2 === 0 ? layerOne(i / 2) : layerTwo((i - 1) / 2))),
  };
}

const recallOf = (trace: Trace, name: string, q = 1) => predictionQuality(trace, createPredictor(name, trace), q).recall;
/** Without a pattern of its own. */
const noise = Array.from({ length: 400 }, (_, i) => ((i * i * 7 + i * 3) >> 2) % 7);

describe('predictors', () => {
  test('markov-1 learns what one layer says of the next', () => {
    const trace = madeTrace(
      noise,
      (token) => noise[token]!,
      (token) => (noise[token]! * 3) % 8,
    );
    expect(recallOf(trace, 'markov-1')).toBeGreaterThan(0.5);
    const second = createPredictor('markov-1', trace);
    for (let token = 0; token < 400; token++) {
      second.startToken(token);
      second.tell(0, [noise[token]!]);
      second.tell(1, [(noise[token]! * 3) % 8]);
    }
    for (const expert of new Set(noise)) {
      second.tell(0, [expert]);
      expect(second.predict(1, 1)).toEqual([(expert * 3) % 8]);
    }
  });

  test('markov-2 learns what only both layers before say', () => {
    // Layer two's expert is the exclusive or of layer one's and the last token's layer two.
    let before = 0;
    const two = noise.map((one) => (before = one ^ before));
    const trace = madeTrace(
      noise,
      (token) => noise[token]!,
      (token) => two[token]!,
    );
    const last = (name: string) => {
      const predictor = createPredictor(name, trace);
      predictionQuality(trace, predictor, 1);
      predictor.tell(1, [2]);
      predictor.tell(0, [5]);
      return predictor.predict(1, 1)[0];
    };
    expect(last('markov-2')).toBe(7);
    expect(recallOf(trace, 'markov-2')).toBeGreaterThan(recallOf(trace, 'markov-1') + 0.05);
  });

  test('token-table knows a token again, previous-token a repeat, popular the hottest', () => {
    const byId = madeTrace(
      noise,
      (token) => (noise[token]! * 5) % 8,
      (token) => (noise[token]! * 3) % 8,
    );
    expect(recallOf(byId, 'token-table')).toBeGreaterThan(0.95);
    const repeated = madeTrace(
      noise,
      (token) => (token >> 4) % 8,
      (token) => (token >> 4) % 8,
    );
    expect(recallOf(repeated, 'previous-token')).toBeGreaterThan(0.9);
    expect(recallOf(repeated, 'forecast')).toBeGreaterThan(0.8);
    const hot = madeTrace(
      noise,
      (token) => (token % 4 === 0 ? noise[token]! : 3),
      () => 2,
    );
    expect(recallOf(hot, 'popular')).toBeGreaterThan(0.85);
  });

  test('recorded ids are given as they are', () => {
    const trace = routesOf(['code'], 0, 50);
    const predictor = new RecordedPredictor('lookahead', trace, trace.expertIds, trace.topK);
    expect(predictionQuality(trace, predictor, 4)).toEqual({ q: 4, recall: 1, precision: 1 });
    expect(predictionQuality(trace, predictor, 2)).toEqual({ q: 2, recall: 0.5, precision: 1 });
  });

  test.each(PREDICTOR_NAMES)('%s predicts different experts, no more than asked, likeliest first, and the same every time', (name) => {
    const trace = randomTrace({ layerCount: 3, expertCount: 9, topK: 2, tokenCount: 60, seed: 4 });
    const predictor = createPredictor(name, trace);
    for (let token = 0; token < 60; token++) {
      predictor.startToken(token, trace.tokenIds![token]! % 5);
      for (let layer = 0; layer < 3; layer++) {
        const five = predictor.predict(layer, 5);
        expect(five.length).toBeLessThanOrEqual(5);
        expect(new Set(five).size).toBe(five.length);
        expect(five.every((expert) => expert >= 0 && expert < 9)).toBe(true);
        expect(predictor.predict(layer, 2)).toEqual(five.slice(0, 2));
        predictor.tell(layer, trace.expertIds.subarray((token * 3 + layer) * 2, (token * 3 + layer) * 2 + 2));
      }
    }
  });

  test('on recorded routes: the order of the published comparisons', { timeout: 60_000 }, () => {
    const trace = routesOf(DOMAINS, 0, 512);
    const [popular, previous, first, second] = ['popular', 'previous-token', 'markov-1', 'markov-2'].map((name) => recallOf(trace, name, 4));
    expect(popular).toBeLessThan(previous!);
    expect(previous).toBeLessThan(first!);
    expect(first).toBeLessThan(second!);
    expect(second).toBeGreaterThan(0.35);
  });

  test('names are checked', () => expectEngineError(() => createPredictor('toString', routesOf(['code'], 0, 1)), 'invalid-argument', /predictor/));

  test('largest gives the largest first, the lower index on ties, and nothing that is 0', () => {
    const scores = Float32Array.of(0, 3, 1, 3, 0, 2);
    expect(largest(scores, 3)).toEqual([1, 3, 5]);
    expect(largest(scores, 9)).toEqual([1, 3, 5, 2]);
    expect(largest(scores, 0)).toEqual([]);
  });
});

describe('prefetching in the simulator', () => {
  const trace = routesOf(['tales'], 0, 200);
  const base = { trace, policy: 'forecast', slotCount: 96, slotBytes: 100_000 };
  /** A transfer takes 0.1 ms, a layer 1 ms. */
  const cost = { readBytesPerSecond: 2e9, uploadBytesPerSecond: 2e9, computeMsPerLayer: 1, haltMs: 2 };

  test('a perfect prediction in good time leaves only what cannot be foreseen', () => {
    const perfect = simulate({ ...base, cost, predictor: new RecordedPredictor('perfect', trace, trace.expertIds, trace.topK) });
    const without = simulate({ ...base, cost });
    expect(perfect.misses).toBe(0);
    expect(perfect.prefetch).toMatchObject({ usefulRatio: 1, wastedBytes: 0 });
    expect(perfect.tokensPerSecond).toBeGreaterThan(without.tokensPerSecond * 1.5);
    expect(perfect.prefetch!.stallMsAvoided).toBeGreaterThan(0);
    // Only layer 0, which is foreseen when its turn has come, waits.
    expect(perfect.stalls).toBeLessThanOrEqual(200);
    expect(without.stalls).toBe(without.missPairs);
  });

  test('a useless prediction wastes what it loads', () => {
    const wrong = trace.expertIds.map((expert) => (expert + 16) % 32);
    const result = simulate({ ...base, cost, predictor: new RecordedPredictor('wrong', trace, wrong, trace.topK) });
    expect(result.prefetch!.usefulRatio).toBeLessThan(0.5);
    expect(result.prefetch!.wastedBytes).toBeGreaterThan(0);
    expect(result.bytes).toBe((result.misses + result.prefetch!.loads) * 100_000);
  });

  test('time is what the cost model says', () => {
    const two = madeTrace(
      [1, 1],
      () => 0,
      () => 0,
    );
    // Two misses at first: (0.1 + 2 + 1) ms a layer; then none: 1 ms a layer.
    const { tokensPerSecond } = simulate({ trace: two, policy: 'lru', slotCount: 4, slotBytes: 100_000, cost });
    expect(tokensPerSecond).toBeCloseTo(2000 / (2 * 3.1 + 2 * 1), 6);
  });
});
