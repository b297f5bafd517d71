import { expect } from 'vitest';
import { attention } from '../../src/kernels/attention';
import type { Random } from '../../src/core/random';
import { roundUp } from '../../src/core/units';
import { poison, randomFloats, testKernel } from '../support/kernel-harness';
import { ROUNDOFF, type Tolerance } from '../support/tolerance';

interface Shape {
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headSize: number;
  readonly position: number;
  readonly tokenCount: number;
  /** Queries are in [-querySize, querySize): large ones make sharp peaks. */
  readonly querySize?: number;
  /** Columns of a value head; default: headSize. */
  readonly valueSize?: number;
  /** Positions that a token sees; 0: all. */
  readonly window?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Positions in a tile: the default of WG_SIZE. */
const DEFAULT_TILE = 64;

const SHAPES: readonly Shape[] = [
  // The very first token sees itself alone.
  { headCount: 2, kvHeadCount: 1, headSize: 64, position: 0, tokenCount: 1 },
  // Around the borders of a tile of 64 positions.
  { headCount: 2, kvHeadCount: 2, headSize: 64, position: 62, tokenCount: 3 },
  { headCount: 4, kvHeadCount: 2, headSize: 80, position: 63, tokenCount: 1 },
  { headCount: 4, kvHeadCount: 1, headSize: 80, position: 64, tokenCount: 1 },
  { headCount: 8, kvHeadCount: 2, headSize: 128, position: 200, tokenCount: 1 },
  { headCount: 3, kvHeadCount: 3, headSize: 36, position: 130, tokenCount: 2 },
  { headCount: 1, kvHeadCount: 1, headSize: 256, position: 5, tokenCount: 1 },
  // A prompt in one batch, and the second chunk of one.
  { headCount: 2, kvHeadCount: 1, headSize: 64, position: 0, tokenCount: 33 },
  { headCount: 4, kvHeadCount: 2, headSize: 32, position: 33, tokenCount: 17 },
  // Scores of about ±100: the running maximum must keep exp from overflowing.
  { headCount: 2, kvHeadCount: 1, headSize: 64, position: 150, tokenCount: 2, querySize: 64 },
  { headCount: 2, kvHeadCount: 1, headSize: 64, position: 300, tokenCount: 1, constants: { WG_SIZE: 128 } },
  { headCount: 2, kvHeadCount: 1, headSize: 80, position: 40, tokenCount: 1, constants: { WG_SIZE: 32 } },
  // Tiles as on GPUs: a part of one, the border of two, heads whose quads do not divide the workgroup, a window that leaves a tile out.
  { headCount: 4, kvHeadCount: 2, headSize: 128, position: 70, tokenCount: 1, constants: { WG_SIZE: 256 } },
  { headCount: 3, kvHeadCount: 1, headSize: 80, position: 255, tokenCount: 2, constants: { WG_SIZE: 256 } },
  { headCount: 2, kvHeadCount: 1, headSize: 36, position: 530, tokenCount: 1, window: 40, constants: { WG_SIZE: 256 } },
  // Windows: two tiles left out and the border inside one, a tile exactly, itself alone, more than there is.
  { headCount: 2, kvHeadCount: 1, headSize: 64, position: 190, tokenCount: 3, window: 20 },
  { headCount: 2, kvHeadCount: 2, headSize: 64, position: 127, tokenCount: 2, window: 64 },
  { headCount: 1, kvHeadCount: 1, headSize: 32, position: 64, tokenCount: 2, window: 1 },
  { headCount: 1, kvHeadCount: 1, headSize: 32, position: 5, tokenCount: 2, window: 100 },
  // Values narrower and wider than keys, so that rows of queries and results are unlike.
  { headCount: 3, kvHeadCount: 3, headSize: 100, valueSize: 68, position: 66, tokenCount: 2 },
  { headCount: 4, kvHeadCount: 2, headSize: 24, valueSize: 80, position: 3, tokenCount: 3 },
  { headCount: 4, kvHeadCount: 2, headSize: 64, position: 70, tokenCount: 2, constants: { HAS_SINKS: 1 } },
  { headCount: 4, kvHeadCount: 2, headSize: 64, position: 140, tokenCount: 3, window: 12, constants: { HAS_SINKS: 1 } },
];

for (const shape of SHAPES) {
  const { headCount, kvHeadCount, headSize, position, tokenCount, querySize = 1, valueSize = headSize, window = 0, constants = {} } = shape;
  const stride = roundUp(headCount * headSize, 32);
  const outputStride = roundUp(headCount * valueSize, 32);
  const context = position + tokenCount;
  // Tiles wholly before the first token's window.
  const tile = constants['WG_SIZE'] ?? DEFAULT_TILE;
  const skippedCount = window === 0 ? 0 : Math.floor(Math.max(0, position + 1 - window) / tile) * tile;
  const extras = `${valueSize === headSize ? '' : `, values of ${valueSize}`}${window === 0 ? '' : `, window ${window}`}`;
  const title = `${headCount} heads on ${kvHeadCount} of ${headSize}, ${tokenCount} tokens from ${position}, queries to ${querySize}${extras}`;
  testKernel(attention, constants, title, (random) => ({
    control: { tokenCount, position },
    params: {
      head_count: headCount,
      kv_head_count: kvHeadCount,
      head_size: headSize,
      stride,
      scale: Math.fround(1 / Math.sqrt(headSize)),
      value_size: valueSize,
      output_stride: outputStride,
      window,
    },
    buffers: {
      query: randomFloats(random, tokenCount * stride, -querySize, querySize),
      key_cache: cacheOf(random, context, kvHeadCount * headSize, skippedCount),
      value_cache: cacheOf(random, context, kvHeadCount * valueSize, skippedCount),
      ...(constants['HAS_SINKS'] ? { sinks: randomFloats(random, headCount, -3, 6) } : {}),
      output: { data: poison(tokenCount * outputStride), tolerance: toleranceOf(headSize, context, querySize), shape: [tokenCount, outputStride] },
    },
  }));
}

// Equal scores weigh all positions alike; with values that are their position's number the result is the mean of the numbers.
testKernel(
  attention,
  {},
  'equal scores give the mean',
  (random) => ({
    control: { position: 100 },
    params: { head_count: 1, kv_head_count: 1, head_size: 32, stride: 32, scale: 1, value_size: 32, output_stride: 32 },
    buffers: {
      query: new Float32Array(32),
      key_cache: randomFloats(random, 101 * 32),
      value_cache: Float32Array.from({ length: 101 * 32 }, (_, i) => Math.floor(i / 32)),
      output: { data: poison(32), tolerance: { abs: 101 * 100 * ROUNDOFF, rel: 0, nmse: (101 * ROUNDOFF) ** 2 } },
    },
  }),
  ({ gpu }) => expect(gpu.f32('output')[7]).toBeCloseTo(50, 3),
);

// A sink with the score of all others takes one share and brings no value: 9 positions of value 1 give 9 / 10.
testKernel(
  attention,
  { HAS_SINKS: 1 },
  'a sink takes its share',
  (random) => ({
    control: { position: 8 },
    params: { head_count: 1, kv_head_count: 1, head_size: 32, stride: 32, scale: 1, value_size: 32, output_stride: 32 },
    buffers: {
      query: new Float32Array(32),
      key_cache: randomFloats(random, 9 * 32),
      value_cache: new Float32Array(9 * 32).fill(1),
      sinks: new Float32Array(1),
      output: { data: poison(32), tolerance: toleranceOf(32, 10, 0) },
    },
  }),
  ({ gpu }) => expect(gpu.f32('output')[7]).toBeCloseTo(0.9, 6),
);

/** [position, column]. One position more than there are is NaN, so that a look past the context shows, and so are those that no window reaches. */
function cacheOf(random: Random, context: number, rowLength: number, skippedCount: number): Float32Array {
  const cache = poison((context + 1) * rowLength);
  cache.set(randomFloats(random, (context - skippedCount) * rowLength), skippedCount * rowLength);
  return cache;
}

/**
 * A score is a sum of n products through n/4 + 5 roundings, Σ|q·k| about querySize · n/4 and below n/2 of it, times scale = 1/√n. Its error δ, and that of exp
 * (3 + 2|x| ULP, where |x| is at most the spread of the scores, but weights at that distance from the maximum are e^-x and count for nothing beyond x = 20), is
 * the relative error of a weight. Weights and values are then summed over the context with one correction a tile; values are below 1, so are the results:
 * numerator and denominator are each off by δ and a rounding per position. A sink is one position more.
 */
function toleranceOf(headSize: number, context: number, querySize: number): Tolerance {
  const scoreError = (headSize / 4 + 5) * ROUNDOFF * ((querySize * headSize) / 2 / Math.sqrt(headSize));
  const weightError = 2 * scoreError + (3 + 2 * 20) * 2 * ROUNDOFF;
  const sumError = (context + 5) * ROUNDOFF;
  // Errors of different positions are independent, and for the NMSE they average out while |result| falls as 1/√context in the same measure.
  return { abs: 2 * (weightError + sumError), rel: ROUNDOFF, nmse: 16 * (weightError ** 2 + context * ROUNDOFF ** 2) };
}
