import { expect } from 'vitest';
import { ControlWord, HaltReason, MISSING_SLOT } from '../../src/core/control';
import type { Random } from '../../src/core/random';
import { roundUp } from '../../src/core/units';
import { route } from '../../src/kernels/route';
import { type KernelCase, type KernelOutcomes, type OutputBuffer, poison, poisonWords, randomFloats, randomRows, testKernel } from '../support/kernel-harness';
import { paddedLength, shuffledSlots } from '../support/test-routes';
import { EXACT, ROUNDOFF, type Tolerance, normScaleError, relativeTolerance, siluError } from '../support/tolerance';

interface Shape {
  readonly tokenCount: number;
  readonly columnCount: number;
  readonly expertCount: number;
  readonly topK: number;
  readonly tableOffset?: number;
  readonly weightScale?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Where routes start; the words before are the step's record, of which the halt takes four. */
const ROUTES_OFFSET = 8;
const EPSILON = 1e-6;
const LAYER = 5;
/** Weights from logits that are exact: an exponential of at most 20, sums and a division, in the numerator and in the denominator, twice for softmax. */
const EXPONENTIALS = relativeTolerance(4 * siluError(20));

const SHAPES: readonly Shape[] = [
  { tokenCount: 1, columnCount: 36, expertCount: 1, topK: 1 },
  { tokenCount: 3, columnCount: 96, expertCount: 7, topK: 4, tableOffset: 21 },
  { tokenCount: 17, columnCount: 160, expertCount: 32, topK: 8 },
  { tokenCount: 1, columnCount: 256, expertCount: 64, topK: 8, constants: { RENORMALISE: 0 } },
  { tokenCount: 3, columnCount: 96, expertCount: 512, topK: 16 },
  // As many as there are.
  { tokenCount: 2, columnCount: 36, expertCount: 8, topK: 8, weightScale: 2.5 },
  { tokenCount: 33, columnCount: 64, expertCount: 20, topK: 8, constants: { RENORMALISE: 0 }, weightScale: 0.5 },
  { tokenCount: 2, columnCount: 160, expertCount: 65, topK: 4, constants: { WG_SIZE: 64, LANES: 8 } },
  { tokenCount: 2, columnCount: 160, expertCount: 5, topK: 2, constants: { WG_SIZE: 128, LANES: 128 } },
];

for (const shape of SHAPES) {
  const { tokenCount, columnCount, expertCount, topK, tableOffset = 0, weightScale = 1, constants = {} } = shape;
  const title = `${tokenCount} tokens of ${columnCount} to ${expertCount} experts, scale ${weightScale}`;
  testKernel(
    route,
    { TOP_K: topK, ...constants },
    title,
    (random) => routeCase(shape, wellSeparated(random, shape), shuffledSlots(random, expertCount, expertCount + 3, tableOffset)),
    ({ gpu }) => {
      for (let t = 0; t < tokenCount; t++) {
        const weights = weightsOf(gpu, t, topK);
        expect(weights).toEqual(weights.toSorted((a, b) => b - a));
        if (constants['RENORMALISE'] !== 0) expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(weightScale, 5);
      }
    },
  );
}

// Equal logits: the lowest index wins, also when the equals are in different rounds or lanes of the search.
const TIES: ReadonlyArray<{
  readonly title: string;
  readonly expertCount: number;
  readonly groupOf: (expert: number) => number;
  readonly expected: readonly number[];
}> = [
  { title: 'all experts tie', expertCount: 300, groupOf: () => 0, expected: [0, 1, 2, 3] },
  { title: 'pairs 256 apart tie', expertCount: 512, groupOf: (e) => e % 256, expected: [3, 259, 2, 258] },
  { title: 'the cut falls between equals', expertCount: 40, groupOf: (e) => (e === 9 ? 3 : e % 3), expected: [9, 2, 5, 8] },
];
for (const { title, expertCount, groupOf, expected } of TIES) {
  const shape = { tokenCount: 1, columnCount: 32, expertCount, topK: 4 };
  testKernel(
    route,
    { TOP_K: 4 },
    title,
    (random) => {
      // Column g of x is 4 for g = 0 … 3 and the router's rows pick one: groups 0 … 3 have logits in ascending order, all others the least.
      const input = Float32Array.from({ length: 32 }, (_, c) => (c < 4 ? 1 + c : 0));
      const router = Float32Array.from({ length: expertCount * 32 }, (_, i) => (i % 32 < 4 && groupOf(Math.floor(i / 32)) === i % 32 ? 1 : 0));
      return routeCase(shape, { input, gain: new Float32Array(32).fill(1), router }, shuffledSlots(random, expertCount, expertCount, 0));
    },
    ({ gpu, cpu }) => {
      expect(expertsOf(gpu, 0, 4)).toEqual(expected);
      expect(expertsOf(cpu, 0, 4)).toEqual(expected);
    },
  );
}

interface HaltCase {
  readonly title: string;
  readonly missing: (k: number) => boolean;
  readonly constants?: Readonly<Record<string, number>>;
  /** In control before. */
  readonly before?: { readonly scouting?: number; readonly layer?: number; readonly scoutReach?: number };
  readonly lastLayer?: number;
  /** The step's first missing expert is here. */
  readonly isFirst: boolean;
  readonly isHalted: boolean;
}

const HALTS: readonly HaltCase[] = [
  { title: 'nothing missing, no halt', missing: () => false, isFirst: false, isHalted: false },
  { title: 'one of the chosen is missing', missing: (k) => k === 2, isFirst: true, isHalted: true },
  { title: 'all of the chosen are missing', missing: (k) => k < 4, isFirst: true, isHalted: true },
  { title: 'only experts that were not chosen are missing', missing: (k) => k >= 4, isFirst: false, isHalted: false },
  { title: 'missing in prefill, which does not halt', missing: (k) => k % 2 === 0, constants: { HALTS: 0 }, isFirst: false, isHalted: false },
  { title: 'missing, and two layers may be scouted', missing: (k) => k === 1, before: { scoutReach: 2 }, isFirst: true, isHalted: false },
  { title: 'missing in the last layer', missing: (k) => k === 1, before: { scoutReach: 2 }, lastLayer: LAYER, isFirst: true, isHalted: true },
  { title: 'a scout goes on', missing: (k) => k === 0, before: { scouting: 1, layer: LAYER - 1, scoutReach: 2 }, isFirst: false, isHalted: false },
  { title: 'a scout at the end of its reach', missing: () => false, before: { scouting: 1, layer: LAYER - 2, scoutReach: 2 }, isFirst: false, isHalted: true },
  {
    title: 'a scout in the last layer',
    missing: () => false,
    before: { scouting: 1, layer: LAYER - 1, scoutReach: 9 },
    lastLayer: LAYER,
    isFirst: false,
    isHalted: true,
  },
  { title: 'missing, scores of another vector', missing: (k) => k === 3, constants: { HAS_SCORE_INPUT: 1 }, isFirst: true, isHalted: true },
  { title: 'missing, normed before', missing: (k) => k === 3, constants: { NORM: 0 }, isFirst: true, isHalted: true },
];
for (const { title, missing, constants = {}, before = {}, lastLayer = LAYER + 9, isFirst, isHalted } of HALTS) {
  const shape: Shape = { tokenCount: 1, columnCount: 96, expertCount: 32, topK: 4, tableOffset: 64 };
  let kept: Float32Array | undefined;
  let keptScores: Float32Array | undefined;
  testKernel(
    route,
    { TOP_K: 4, HALTS: 1, ...constants },
    title,
    (random) => {
      const inputs = wellSeparated(random, shape);
      const slotTable = shuffledSlots(random, 32, 40, 64);
      // The rows of other layers are all missing; only this layer's row may matter.
      slotTable.fill(MISSING_SLOT, 0, 64);
      rankExperts(shape, inputs, 0).forEach((expert, k) => {
        if (missing(k)) slotTable[64 + expert] = MISSING_SLOT;
      });
      const base = routeCase(shape, inputs, slotTable);
      const normed = base.buffers['normed'] as OutputBuffer;
      // With the same vector normed by itself the scores rank as they do without NORM.
      const unnormed = constants['NORM'] === 0 ? { input: normedInput(shape, inputs), gain: randomFloats(random, 96) } : {};
      kept = constants['NORM'] === 0 ? unnormed.gain : inputs.input;
      keptScores = constants['HAS_SCORE_INPUT'] === 1 ? normedInput(shape, inputs) : undefined;
      return {
        ...base,
        control: { ...base.control, ...before },
        params: { ...base.params, last_layer: lastLayer },
        buffers: {
          ...base.buffers,
          ...unnormed,
          ...(keptScores ? { score_input: keptScores } : {}),
          normed: { ...normed, data: poison(3 * 96), shape: [3, 96] },
        },
      };
    },
    ({ gpu }) => {
      const words = gpu.u32('routes');
      expect([...words.slice(0, 4)]).toEqual(isFirst ? [HaltReason.missingExpert, LAYER, 11, 77] : [...poisonWords(4)]);
      const isScouting = isFirst || before.scouting === 1;
      expect(words[7]).toBe(isScouting ? LAYER : poisonWords(1)[0]);
      expect(gpu.control[ControlWord.halted]).toBe(isHalted ? HaltReason.missingExpert : HaltReason.none);
      expect(gpu.control[ControlWord.scouting]).toBe(isScouting ? 1 : 0);
      expect(gpu.control[ControlWord.layer]).toBe(isFirst ? LAYER : (before.layer ?? 0));
      const slots = [0, 1, 2, 3].map((k) => words[ROUTES_OFFSET + k * 3 + 1] === MISSING_SLOT);
      expect(slots).toEqual([0, 1, 2, 3].map(missing));
      const row = (index: number) => [...gpu.f32('normed').slice(index * 96, (index + 1) * 96)];
      expect(row(1)).toEqual([...(isFirst ? kept! : poison(96))]);
      expect(row(2)).toEqual([...(isFirst && keptScores ? keptScores : poison(96))]);
    },
  );
}

// The variants of the score, the selection and the weights. Token t looks at column t of the router's rows, so that logits are exactly the numbers below.
interface LogitCase {
  readonly title: string;
  /** [token][expert] */
  readonly logits: ReadonlyArray<readonly number[]>;
  readonly constants: Readonly<Record<string, number>>;
  readonly routerBias?: readonly number[];
  readonly selectionBias?: readonly number[];
  readonly params?: Readonly<Record<string, number>>;
  /** [token][k] */
  readonly expected: ReadonlyArray<readonly number[]>;
}

const SIGMOID = { ACTIVATE: 1, NORM: 0, HAS_ROUTER_BIAS: 1 };
const BIASED = { ...SIGMOID, HAS_SELECTION_BIAS: 1, RENORMALISE: 0 };
const BEST_OF_GROUP = { GROUP_TOP: 1, NORM: 0 };
const BEST_TWO_OF_GROUP = { GROUP_TOP: 2, NORM: 0, ACTIVATE: 1, HAS_SELECTION_BIAS: 1 };
const NO_BIAS = Array.from({ length: 12 }, () => 0);

const LOGIT_CASES: readonly LogitCase[] = [
  {
    title: 'the bias of the score is part of the weight',
    // Six experts: two words of the bias vector's last quad are padding.
    logits: [
      [1, 2, -3, 0.5, 0, -1],
      [4, 3, 2, 1, 0, -1],
    ],
    routerBias: [0, -4, 8, 0, 0.25, 3],
    constants: SIGMOID,
    expected: [
      [2, 5, 0],
      [2, 0, 5],
    ],
  },
  {
    title: 'a sum below the least is not divided by',
    logits: [[-9, -8, -7, -6, -10, -12]],
    routerBias: [0, 0, 0, 0, 0, 0],
    constants: SIGMOID,
    params: { minimum_sum: 0.5 },
    expected: [[3, 2, 1]],
  },
  {
    title: 'the bias of the selection moves the choice and not the weight',
    logits: [
      [3, 2, 1, 0, -1, -2],
      [-1, 0, 1, 2, 3, -20],
    ],
    routerBias: [0, 0, 0, 0, 0, 0.5],
    // All scores are below zero.
    selectionBias: [-4, -2, -3, -2, -2, -1.5],
    constants: BIASED,
    expected: [
      [1, 5, 3],
      [4, 3, 1],
    ],
  },
  {
    title: 'the score may come from another vector than the experts’ input',
    logits: [
      [0, 4, 1, 3, 2],
      [5, 0, 0, 1, 3],
    ],
    constants: { HAS_SCORE_INPUT: 1 },
    expected: [
      [1, 3, 4],
      [0, 4, 3],
    ],
  },
  {
    title: 'only the groups with the best experts',
    // Groups 2 and 3 tie at their best, and the second best of all is in group 0 of the second token.
    logits: [
      [1, 1, 1, 3, -1, -2, 2, -3, -4, 2, 2, 2],
      [7, -1, 6, 0, 0, 0, 5, 5, 5, 8, 1, 2],
    ],
    constants: BEST_OF_GROUP,
    params: { group_count: 4, group_keep: 2 },
    expected: [
      [3, 6, 4],
      [9, 0, 2],
    ],
  },
  {
    title: 'only the groups with the best pairs',
    // Groups 1 and 3 tie in their pairs; group 0 has the best expert and a poor second.
    logits: [
      [2, -9, -9, 1, 0.5, -9, 0, 0, 0, -9, 0.5, 1],
      [3, 3, -9, 1, 1, 1, 2, 2, 2, 0, 0, 0],
    ],
    selectionBias: NO_BIAS,
    constants: BEST_TWO_OF_GROUP,
    params: { group_count: 4, group_keep: 1 },
    expected: [
      [3, 4, 5],
      [0, 1, 2],
    ],
  },
  {
    title: 'groups of one, chosen by the bias',
    logits: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    selectionBias: NO_BIAS.map((_, e) => (e === 4 ? 3 : e === 1 ? 2 : e === 8 ? 1 : 0)),
    constants: BEST_TWO_OF_GROUP,
    params: { group_count: 12, group_keep: 3 },
    expected: [[4, 1, 8]],
  },
];

for (const { title, logits, constants, routerBias, selectionBias, params = {}, expected } of LOGIT_CASES) {
  const expertCount = logits[0]!.length;
  const topK = expected[0]!.length;
  const shape = { tokenCount: logits.length, columnCount: 32, expertCount, topK };
  testKernel(
    route,
    // A small workgroup is quicker to compile.
    { TOP_K: topK, WG_SIZE: 32, LANES: 8, ...constants },
    title,
    (random) => {
      const oneHot = Float32Array.from({ length: logits.length * 32 }, (_, i) => (i % 32 === Math.floor(i / 32) ? 1 : 0));
      const rows = Array.from({ length: expertCount }, (_, e) => Array.from({ length: 32 }, (_unused, c) => logits[c]?.[e] ?? 0));
      const quads = (bias: readonly number[]) => Array.from({ length: roundUp(expertCount, 4) }, (_, e) => bias[e] ?? NaN);
      const biases = selectionBias ? [quads(routerBias ?? []), quads(selectionBias)] : routerBias ? [quads(routerBias)] : [];
      const isScoredApart = constants['HAS_SCORE_INPUT'] === 1;
      const base = routeCase(
        shape,
        {
          input: isScoredApart ? randomFloats(random, oneHot.length) : oneHot,
          gain: randomFloats(random, 32, 0.5, 1.5),
          router: Float32Array.from([...rows, ...biases].flat()),
        },
        shuffledSlots(random, expertCount, expertCount, 0),
      );
      return {
        ...base,
        params: { ...base.params, ...params },
        buffers: {
          ...base.buffers,
          ...(isScoredApart ? { score_input: oneHot } : {}),
          normed: {
            data: poison(oneHot.length),
            tolerance: constants['NORM'] === 0 ? EXACT : relativeTolerance(normedError(32)),
            shape: [logits.length, 32],
          },
          routes: { ...(base.buffers['routes'] as OutputBuffer), tolerance: EXPONENTIALS },
        },
      };
    },
    (outcomes) => {
      expected.forEach((experts, t) => {
        const z = logits[t]!.map((logit, e) => logit + (routerBias?.[e] ?? 0));
        const total = z.reduce((sum, value) => sum + Math.exp(value), 0);
        const chosen = experts.map((e) => (constants['ACTIVATE'] === 1 ? 1 / (1 + Math.exp(-z[e]!)) : Math.exp(z[e]!) / total));
        const sum = Math.max(params['minimum_sum'] ?? 0, constants['RENORMALISE'] === 0 ? 1 : chosen.reduce((a, b) => a + b, 0));
        for (const outcome of [outcomes.gpu, outcomes.cpu]) {
          expect(expertsOf(outcome, t, topK)).toEqual(experts);
          weightsOf(outcome, t, topK).forEach((weight, k) => expect(weight).toBeCloseTo(chosen[k]! / sum, 6));
        }
      });
    },
  );
}

interface RouteInputs {
  readonly input: Float32Array;
  readonly gain: Float32Array;
  readonly router: Float32Array;
}

function routeCase(
  { tokenCount, columnCount, expertCount, topK, tableOffset = 0, weightScale = 1 }: Shape,
  inputs: RouteInputs,
  slotTable: Uint32Array,
): KernelCase {
  const stride = paddedLength(columnCount);
  return {
    control: { tokenCount, position: 77, step: 11 },
    params: {
      column_count: columnCount,
      stride,
      expert_count: expertCount,
      layer: LAYER,
      slot_table_offset: tableOffset,
      routes_offset: ROUTES_OFFSET,
      norm_eps: EPSILON,
      weight_scale: weightScale,
    },
    buffers: {
      ...inputs,
      slot_table: slotTable,
      normed: {
        data: poison(tokenCount * stride),
        tolerance: { abs: 0, rel: normedError(columnCount), nmse: normedError(columnCount) ** 2 },
        shape: [tokenCount, stride],
      },
      routes: {
        data: poisonWords(ROUTES_OFFSET + tokenCount * topK * 3),
        tolerance: weightTolerance(columnCount, expertCount),
        isFloat: (word) => word >= ROUTES_OFFSET && (word - ROUTES_OFFSET) % 3 === 2,
      },
    },
  };
}

/** Random rows whose chosen experts do not depend on rounding: neighbours down to the first that is left out differ by far more than a logit's error. */
function wellSeparated(random: Random, shape: Shape): RouteInputs {
  const { tokenCount, columnCount, expertCount, topK } = shape;
  for (;;) {
    const inputs = {
      input: randomRows(random, tokenCount, columnCount),
      gain: randomFloats(random, paddedLength(columnCount), 0.5, 1.5),
      router: randomRows(random, expertCount, columnCount, paddedLength(columnCount), 0.3),
    };
    const isSeparated = Array.from({ length: tokenCount }, (_, t) => {
      const logits = logitsOf(shape, inputs, t);
      const ranked = rankExperts(shape, inputs, t).map((e) => logits[e]!);
      return ranked.slice(1, topK + 1).every((logit, k) => ranked[k]! - logit > 20 * logitError(columnCount));
    }).every(Boolean);
    if (isSeparated) return inputs;
  }
}

function logitsOf({ columnCount, expertCount }: Shape, { input, gain, router }: RouteInputs, token: number): number[] {
  const stride = paddedLength(columnCount);
  const x = input.subarray(token * stride, token * stride + columnCount);
  const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value ** 2, 0) / columnCount + EPSILON);
  return Array.from({ length: expertCount }, (_, e) => x.reduce((sum, value, c) => sum + value * gain[c]! * scale * router[e * stride + c]!, 0));
}

/** m: what the router makes of its input when it norms by itself. */
function normedInput({ columnCount }: Shape, { input, gain }: RouteInputs): Float32Array {
  const scale = 1 / Math.sqrt(input.reduce((sum, value) => sum + value ** 2, 0) / columnCount + EPSILON);
  return input.map((value, c) => value * gain[c]! * scale);
}

function rankExperts(shape: Shape, inputs: RouteInputs, token: number): number[] {
  const logits = logitsOf(shape, inputs, token);
  return [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!);
}

function expertsOf(outcome: KernelOutcomes['gpu'], token: number, topK: number): number[] {
  return Array.from({ length: topK }, (_, k) => outcome.u32('routes')[ROUTES_OFFSET + (token * topK + k) * 3]!);
}

function weightsOf(outcome: KernelOutcomes['gpu'], token: number, topK: number): number[] {
  return Array.from({ length: topK }, (_, k) => outcome.f32('routes')[ROUTES_OFFSET + (token * topK + k) * 3 + 2]!);
}

/** Normed values: the scale and two products, and one rounding of the reference. With 64 invocations or more a row has at most as many quads each as with 64. */
function normedError(columnCount: number): number {
  return normScaleError(columnCount, 64) + 3 * ROUNDOFF;
}

/**
 * A logit is a sum of n products of a normed value (mean square 1, gain below 1.5) and a router weight below 0.3: Σ|m·R| is n · 0.13 on average and below n / 4.
 * One invocation adds at least one quad in LANES, so 4 + n / 32 + 7 roundings bound the way for 8 lanes and more; both sides round the normed value or the logit.
 */
function logitError(columnCount: number): number {
  return (normedError(columnCount) + (11 + columnCount / 32) * ROUNDOFF) * (columnCount / 4);
}

/**
 * A weight is exp(z - max) over sums of such: an error δ of the logits (of its own, of the maximum) is a relative error 2δ of each exponential, exp adds (3 + 2|x|)
 * ULP with |x| below 20 (logits have deviation 0.1·√n), each sum one rounding per term, the two divisions 5u each. Numerator and denominator: twice.
 */
function weightTolerance(columnCount: number, expertCount: number): Tolerance {
  const rel = 2 * (2 * logitError(columnCount) + ((3 + 2 * 20) * 2 + expertCount / 64 + 16 + 10) * ROUNDOFF);
  return { abs: 0, rel, nmse: rel ** 2 };
}
