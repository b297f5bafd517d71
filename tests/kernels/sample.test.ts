import { expect, test } from 'vitest';
import type { SamplingOptions } from '../../src/core/api';
import { assert, defined } from '../../src/core/assert';
import type { Backend, OperationCall } from '../../src/core/backend';
import { CONTROL_BYTES, CONTROL_WORDS, ControlWord, HaltReason } from '../../src/core/control';
import { Random } from '../../src/core/random';
import { SAMPLING_WORDS, encodeSampling } from '../../src/core/sampling';
import { roundUp } from '../../src/core/units';
import { sample } from '../../src/kernels/sample';
import { type KernelOutcome, poisonWords, randomFloats, testKernel, webGpuBackend } from '../support/kernel-harness';
import { distributionOf, drawFrom, scaledLogits } from '../support/token-distribution';
import { EXACT, ROUNDOFF, type Tolerance } from '../support/tolerance';

const GREEDY: Required<SamplingOptions> = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 };
const FREE: Required<SamplingOptions> = { ...GREEDY, temperature: 1 };

/** Draws nearer than this to a border between tokens, or cuts nearer to a token, may fall either way in f32: cases are chosen without them. */
const SAFE_MARGIN = 1e-4;
/** The same where every mass is 1: sums of it are exact, and only the product with the number drawn rounds. */
const FLAT_MARGIN = 1e-6;

interface Case {
  readonly title: string;
  readonly logits: (random: Random) => Float32Array;
  readonly options: Partial<Required<SamplingOptions>>;
  readonly seen?: readonly number[];
  readonly stopTokens?: readonly number[];
  readonly tokenCount?: number;
  readonly constants?: Readonly<Record<string, number>>;
  readonly expected?: number;
}

interface DrawCase extends Case {
  /** How far below the best the candidates must have been listed, null: not at all; default: not looked at. */
  readonly reach?: number | null;
  /** Only seeds that draw this token. */
  readonly drawn?: number;
  readonly margin?: number;
}

const spread =
  (size: number, range = 8) =>
  (random: Random) =>
    randomFloats(random, size, -range, range);
const fixed =
  (...logits: number[]) =>
  () =>
    Float32Array.from(logits);
/** `count` times each logit, dealt out so that equals are not neighbours. */
const levels =
  (...parts: ReadonlyArray<readonly [count: number, logit: number]>) =>
  (random: Random) =>
    shuffled(
      random,
      parts.flatMap(([count, logit]) => Array.from({ length: count }, () => logit)),
    );

/** Like a model's: the n-th best has a mass of n to the power of -1.5. */
const zipf = (size: number) => (random: Random) =>
  shuffled(
    random,
    Array.from({ length: size }, (_, i) => 15 - 1.5 * Math.log(i + 1)),
  );

const GREEDY_CASES: readonly Case[] = [
  { title: 'greedy takes the best', logits: spread(1000), options: {} },
  { title: 'greedy, one token in all', logits: fixed(-3), options: {}, expected: 0 },
  {
    title: 'greedy, ties: the lowest id',
    logits: () => Float32Array.from({ length: 700 }, (_, t) => (t % 256 === 200 ? 5 : t === 650 ? 4.9 : 0)),
    options: {},
    expected: 200,
  },
  { title: 'greedy, all equal', logits: () => new Float32Array(513).fill(-7), options: {}, expected: 0 },
  { title: 'greedy, all very negative', logits: fixed(-1e30, -1e29, -2e30), options: {}, expected: 1 },
  { title: 'a penalty divides positive logits', logits: fixed(4, 3.9, 1), options: { repetitionPenalty: 1.5 }, seen: [0], expected: 1 },
  { title: 'a penalty multiplies negative logits', logits: fixed(-1, -1.1, -9), options: { repetitionPenalty: 1.5 }, seen: [0], expected: 1 },
  { title: 'a penalty that changes nothing', logits: fixed(4, 1, 1), options: { repetitionPenalty: 1.5 }, seen: [0, 1], expected: 0 },
  { title: 'a stop token halts', logits: fixed(0, 0, 5, 0), options: {}, stopTokens: [9, 2], expected: 2 },
  { title: 'sixteen stop tokens, none drawn', logits: fixed(0, 7), options: {}, stopTokens: Array.from({ length: 16 }, (_, i) => i + 2), expected: 1 },
  { title: 'the step after a prompt of 17', logits: spread(300), options: {}, tokenCount: 17 },
  ...[3, 255, 257, 5000].map((size) => ({ title: `greedy, ${size} tokens`, logits: spread(size), options: {} })),
  { title: 'greedy, the best is last of 257', logits: () => Float32Array.from({ length: 257 }, (_, t) => t), options: {}, expected: 256 },
];

const DRAW_CASES: readonly DrawCase[] = [
  { title: 'free draw', logits: spread(1000, 2), options: {}, reach: null },
  { title: 'free draw, small groups', logits: spread(1000, 2), options: {}, constants: { WG_SIZE: 64 } },
  { title: 'fewer tokens than invocations', logits: spread(7, 2), options: {} },
  { title: 'hot', logits: spread(300), options: { temperature: 3 } },
  { title: 'cold', logits: spread(300, 2), options: { temperature: 0.2 } },
  { title: 'top 1 is greedy', logits: spread(300), options: { topK: 1 } },
  { title: 'top 40', logits: spread(1000, 3), options: { topK: 40 } },
  { title: 'top 3 with a tie at the cut: both stay', logits: fixed(1, 2, 3, 2.5, 2, -1, 0), options: { topK: 3 } },
  { title: 'top 5000 of 300 keeps all', logits: spread(300, 2), options: { topK: 5000 }, reach: null },
  { title: 'top p', logits: spread(1000, 3), options: { topP: 0.8 } },
  { title: 'top p that one token fills', logits: fixed(0, 9, 0, 1), options: { topP: 0.5 } },
  { title: 'top p with ties at the cut: all stay', logits: fixed(2, 1, 1, 1, 1, 0), options: { topP: 0.7 } },
  { title: 'min p', logits: spread(1000, 3), options: { minP: 0.1 } },
  { title: 'min p 1 keeps the best alone', logits: fixed(1, 3, 2, 3), options: { minP: 1 } },
  ...[1, 3, 255, 257, 5000].flatMap((size): DrawCase[] => [
    { title: `top 40, top p of ${size} tokens`, logits: zipf(size), options: { topK: 40, topP: 0.9 }, reach: 8 },
    { title: `top p of ${size} tokens`, logits: zipf(size), options: { topP: 0.8 }, reach: 8 },
    { title: `free draw of ${size} tokens`, logits: zipf(size), options: {}, reach: null },
    { title: `${size} equal tokens, top 2`, logits: levels([size, -3]), options: { topK: 2 }, reach: size > 2 ? 8 : null, margin: FLAT_MARGIN },
    { title: `${size} equal tokens, top p`, logits: levels([size, 4]), options: { topP: 0.5 }, reach: 8, margin: FLAT_MARGIN },
  ]),
  { title: 'top p of 50,304 tokens', logits: zipf(50_304), options: { temperature: 0.9, topP: 0.9 }, reach: 8 },
  { title: 'one token has nearly all', logits: levels([1, 30], [600, 1]), options: { temperature: 0.8, topP: 0.95 }, reach: 8 },
  { title: 'one token has nearly all, small groups', logits: levels([1, 30], [600, 1]), options: { topP: 0.95 }, reach: 8, constants: { WG_SIZE: 64 } },
  // Levels 10, 25 and 60 below the best.
  ...[1, 2, 3, 4, 6, 7, 500].map((topK): DrawCase => ({
    title: `top ${topK} of four levels`,
    logits: levels([1, 20], [2, 10], [3, -5], [600, -40]),
    options: { topK },
    reach: topK === 1 ? 8 : topK <= 3 ? 16 : 32,
  })),
  { title: 'top 30, top p, of levels', logits: levels([3, 2], [9, 0], [40, -10], [600, -20]), options: { topK: 30, topP: 0.9 }, reach: 16 },
  { title: 'top p that ends at the first reach', logits: fixed(0, 8.3, 0.5), options: { topP: 0.9995 }, reach: 8, drawn: 2 },
  { title: 'top p that needs the second reach', logits: fixed(-5, 8.3, -5, 0), options: { topP: 0.9999 }, reach: 16, drawn: 3 },
  { title: 'top p that needs the last reach', logits: levels([1, 17], [2000, 0]), options: { topP: 0.99999 }, reach: 32 },
  { title: 'top p with ties at the cut of 257', logits: levels([1, 3], [128, 1], [128, 0]), options: { topP: 0.7 }, reach: 8 },
  { title: 'a negative zero ties with zero', logits: fixed(1, 0, -0, -1), options: { topK: 2 }, reach: 8, drawn: 2 },
  { title: 'negative logits', logits: (random) => randomFloats(random, 300, -90, -70), options: { topK: 50, topP: 0.9 }, reach: 8 },
  { title: 'negative, positive and between', logits: spread(300, 3), options: { topP: 0.97 }, reach: 8 },
  { title: 'min p alone', logits: spread(1000, 3), options: { minP: 0.25 }, reach: Math.log(4) },
  { title: 'min p far below', logits: levels([2, 1], [3, -40]), options: { minP: 1e-20 }, reach: 20 * Math.log(10) },
  { title: 'min p after top p', logits: spread(1000, 3), options: { minP: 0.25, topP: 0.99 }, reach: 8 },
  { title: 'penalised, top p of 257', logits: zipf(257), options: { topP: 0.8, repetitionPenalty: 1.3 }, seen: [256, 3, 4, 100], reach: 8 },
  {
    title: 'everything at once',
    logits: spread(1000, 4),
    options: { temperature: 0.7, topK: 40, topP: 0.95, minP: 0.02, repetitionPenalty: 1.2 },
    seen: [1, 5, 30, 999],
  },
  { title: 'penalised', logits: spread(50, 3), options: { temperature: 0.8, repetitionPenalty: 2 }, seen: Array.from({ length: 25 }, (_, i) => i) },
];

for (const { title, logits: makeLogits, options, seen = [], stopTokens = [], tokenCount = 1, constants = {}, expected } of GREEDY_CASES) {
  testSample({ ...GREEDY, ...options }, title, makeLogits, { seen, stopTokens, tokenCount, constants, step: 3, reach: null }, expected);
}

for (const { title, logits: makeLogits, options, seen = [], constants = {}, reach, drawn, margin: leastMargin = SAFE_MARGIN } of DRAW_CASES) {
  // Three steps and seeds of each, the first whose draws are not within rounding of a border.
  const logits = makeLogits(new Random(title.length));
  const seenFlags = seenWords(logits.length, seen);
  const distribution = distributionOf(logits, seenFlags, { ...FREE, ...options });
  const draws = [];
  for (let i = 0; i < (drawn === undefined ? 40 : 40_000) && draws.length < 3; i++) {
    const draw = { seed: (1000 + i * 77_777_777) >>> 0, step: i };
    const { token, margin } = drawFrom(distribution, draw.seed, draw.step);
    if (margin > leastMargin && (drawn ?? token) === token) draws.push({ ...draw, token });
  }
  assert(distribution.cutMargin > SAFE_MARGIN / 10 || options.minP === 1, `${title}: a cut within rounding of a token (${distribution.cutMargin})`);
  assert(draws.length === 3, `${title}: every draw is near a border`);
  for (const { seed, step, token } of draws) {
    testSample(
      { ...FREE, ...options, seed },
      `${title}, seed ${seed}, step ${step}`,
      () => logits,
      { seen, stopTokens: [], tokenCount: 1, constants, step, ...(reach === undefined ? {} : { reach }) },
      token,
    );
  }
}

interface Setting {
  readonly seen: readonly number[];
  readonly stopTokens: readonly number[];
  readonly tokenCount: number;
  readonly constants: Readonly<Record<string, number>>;
  readonly step: number;
  readonly reach?: number | null;
}

function testSample(
  options: Required<SamplingOptions>,
  title: string,
  makeLogits: (random: Random) => Float32Array,
  setting: Setting,
  expected?: number,
): void {
  const { seen, stopTokens, tokenCount, constants, step, reach } = setting;
  let logits = new Float32Array();
  testKernel(
    sample,
    constants,
    title,
    (random) => {
      logits = Float32Array.from(makeLogits(random));
      const size = logits.length;
      return {
        control: { tokenCount, position: 70, step },
        params: { vocabulary_size: size },
        buffers: {
          sampling: encodeSampling(options, stopTokens),
          logits: withNeighbours(logits),
          seen: { data: seenWords(roundUp(size, 4), seen), tolerance: EXACT },
          tokens: { data: Uint32Array.from([12_345, 678]), tolerance: EXACT },
          record: { data: poisonWords(8), tolerance: logProbabilityTolerance(size), isFloat: (word) => word === 6 },
          candidates: { data: poisonWords(2 * size), isScratch: true },
        },
      };
    },
    ({ gpu, cpu }) => {
      for (const outcome of [gpu, cpu]) checkStep(outcome, setting, expected);
      if (reach === null) expect(gpu.u32('candidates')).toEqual(poisonWords(2 * logits.length));
      else if (reach !== undefined) checkList(gpu, scaledLogits(logits, seenWords(logits.length, seen), options), reach);
    },
  );
}

/** What a step leaves behind, whatever was drawn. */
function checkStep(outcome: KernelOutcome, { seen, stopTokens, tokenCount, step }: Setting, expected: number | undefined): void {
  const record = outcome.u32('record');
  const token = record[5]!;
  if (expected !== undefined) expect(token).toBe(expected);
  const halted = stopTokens.includes(token) ? HaltReason.stopToken : HaltReason.none;
  expect([...record.slice(0, 5)]).toEqual([halted, 0, step, 70, 12_345]);
  expect([...outcome.u32('tokens')]).toEqual([token, 678]);
  expect(outcome.u32('seen')[token]).toBe(1);
  expect(outcome.u32('seen').filter((flag) => flag === 1).length).toBe(new Set([...seen, token]).size);
  expect(outcome.control[ControlWord.halted]).toBe(halted);
  expect(outcome.control[ControlWord.step]).toBe(step + 1);
  expect(outcome.control[ControlWord.position]).toBe(70 + tokenCount);
  expect(outcome.control[ControlWord.tokenCount]).toBe(1);
  expect(outcome.f32('record')[6]).toBeLessThanOrEqual(1e-6);
}

/** The candidates are the tokens at most `reach` below the best, in order of ids, and nothing is written behind them. */
function checkList(outcome: KernelOutcome, scaled: readonly number[], reach: number): void {
  const highest = Math.max(...scaled);
  const listed = [...scaled.keys()].filter((t) => scaled[t]! >= highest - reach);
  const words = outcome.u32('candidates');
  const logits = outcome.f32('candidates');
  expect([...words].filter((_, i) => i % 2 === 0)).toEqual(scaled.map((_, i) => listed[i] ?? poisonWords(1)[0]));
  listed.forEach((t, i) => expect(Math.abs(logits[2 * i + 1]! - scaled[t]!)).toBeLessThanOrEqual(1e-6 * Math.abs(scaled[t]!)));
}

test('sample(WG_SIZE=64): the frequencies of 2,000 draws are the probabilities', async (context) => {
  const backend = await webGpuBackend();
  if (!backend) return void context.skip('no WebGPU adapter');
  const logits = Float32Array.from([1, 0, -1, 2, 0.5, -2, 1.5, 0]);
  const draws = await drawMany(backend, logits, 20, 100);
  const distribution = distributionOf(logits, new Uint32Array(8), FREE);

  // Every draw is the one that seed and step mean, but for those within rounding of a border.
  const safe = draws.map((draw) => ({ ...draw, ...drawFrom(distribution, draw.seed, draw.step) })).filter(({ margin }) => margin > SAFE_MARGIN);
  expect(safe.length).toBeGreaterThan(1900);
  expect(safe.filter(({ drawn, token }) => drawn !== token)).toEqual([]);

  const counts = distribution.probabilities.map((_, t) => draws.filter(({ drawn }) => drawn === t).length);
  const chiSquared = distribution.probabilities.reduce((sum, p, t) => sum + (counts[t]! - 2000 * p) ** 2 / (2000 * p), 0);
  // The 99.9 % quantile of chi-squared with 7 degrees of freedom.
  expect(chiSquared, `counts ${counts.join(', ')}`).toBeLessThan(24.32);
});

/** `stepCount` steps for each of `seedCount` seeds, each seed one submit of a program of that many calls. */
async function drawMany(
  backend: Backend,
  logits: Float32Array,
  seedCount: number,
  stepCount: number,
): Promise<Array<{ seed: number; step: number; drawn: number }>> {
  const buffers = {
    control: backend.createBuffer('control', CONTROL_BYTES),
    sampling: backend.createBuffer('sampling', SAMPLING_WORDS * 4),
    logits: backend.createBuffer('logits', logits.byteLength),
    seen: backend.createBuffer('seen', logits.byteLength),
    tokens: backend.createBuffer('tokens', 16),
    record: backend.createBuffer('record', stepCount * 256),
    candidates: backend.createBuffer('candidates', logits.length * 8),
  };
  const { control, record, ...shared } = buffers;
  backend.write(buffers.logits, 0, logits);
  const calls = Array.from({ length: stepCount }, (_, step): OperationCall => ({
    operation: 'sample',
    constants: { WG_SIZE: 64 },
    params: { vocabulary_size: logits.length },
    buffers: { ...shared, record: { buffer: record, offsetBytes: step * 256, sizeBytes: 32 } },
  }));
  const program = await backend.compile('draws', control, calls);
  const draws = [];
  for (let i = 0; i < seedCount; i++) {
    const seed = (i * 2_654_435_761 + 7) >>> 0;
    backend.write(buffers.sampling, 0, encodeSampling({ ...FREE, seed }, []));
    const words = new Uint32Array(CONTROL_WORDS);
    words[ControlWord.tokenCount] = 1;
    backend.write(control, 0, words);
    backend.submit([{ program, size: { tokenCount: 1 } }]);
    const records = new Uint32Array(await backend.read(record, 0, stepCount * 256));
    for (let step = 0; step < stepCount; step++) draws.push({ seed, step, drawn: defined(records[step * 64 + 5]) });
  }
  for (const buffer of Object.values(buffers)) buffer.destroy();
  return draws;
}

function seenWords(length: number, seen: readonly number[]): Uint32Array {
  return Uint32Array.from({ length }, (_, t) => (seen.includes(t) ? 1 : 0));
}

/** The logits, and others to the end of a quad, the best of all: what lies behind the vocabulary must not be drawn. */
function withNeighbours(logits: Float32Array): Float32Array {
  const padded = new Float32Array(roundUp(logits.length + 1, 4)).fill(1e9);
  padded.set(logits);
  return padded;
}

function shuffled(random: Random, values: readonly number[]): Float32Array {
  return Float32Array.from(
    values.map((value) => ({ value, at: random.float(0, 1) })).sort((a, b) => a.at - b.at),
    ({ value }) => value,
  );
}

/**
 * log p = z - highest - log(Σ exp(z - highest)): exp is off by 3 + 2|x| ULP relative, which counts where exp is not small (|x| below 20), the sum by a rounding per
 * term of an invocation and the tree, log by 2^-21 or 3 ULP of at most log(size), and two differences of numbers below 100 round.
 */
function logProbabilityTolerance(size: number): Tolerance {
  const abs = ((3 + 2 * 20) * 2 + size / 64 + 8) * ROUNDOFF + 2 ** -21 + 6 * ROUNDOFF * Math.log(size + 1) + 2 * 100 * ROUNDOFF;
  return { abs, rel: ROUNDOFF, nmse: 1 };
}
