import { expect } from 'vitest';
import { shortConvolution } from '../../src/kernels/short-convolution';
import { poison, randomFloats, testKernel } from '../support/kernel-harness';
import { paddedLength } from '../support/test-routes';
import { ROUNDOFF, sumTolerance } from '../support/tolerance';

interface Shape {
  readonly title: string;
  readonly position: number;
  readonly tokenCount: number;
  readonly columnCount?: number;
  readonly tapCount?: number;
}

const SHAPES: readonly Shape[] = [
  { title: 'the first token sees itself alone', position: 0, tokenCount: 1 },
  { title: 'the second sees one before it', position: 1, tokenCount: 1 },
  { title: 'one token with all its past', position: 9, tokenCount: 1, columnCount: 160 },
  { title: 'a prompt in one batch', position: 0, tokenCount: 5 },
  { title: 'a batch that begins inside the reach of the first', position: 1, tokenCount: 4 },
  { title: 'a batch that continues another', position: 7, tokenCount: 17, columnCount: 36, tapCount: 4 },
];

for (const { title, position, tokenCount, columnCount = 70, tapCount = 3 } of SHAPES) {
  const inputStride = paddedLength(3 * columnCount);
  const outputStride = paddedLength(columnCount);
  const past = position * columnCount;
  let before = new Float32Array();
  testKernel(
    shortConvolution,
    {},
    `${title}: ${tokenCount} tokens from ${position}, ${columnCount} columns, ${tapCount} taps`,
    (random) => {
      // What came before is there; from this batch on, and one row beyond it, the cache holds NaN.
      before = poison((position + tokenCount + 1) * columnCount);
      before.set(randomFloats(random, past));
      return {
        control: { tokenCount, position },
        params: { column_count: columnCount, input_stride: inputStride, output_stride: outputStride, tap_count: tapCount },
        buffers: {
          input: randomFloats(random, tokenCount * inputStride),
          taps: randomFloats(random, columnCount * tapCount),
          // A product of two numbers below 1, rounded on either side.
          cache: { data: before, tolerance: { abs: 0, rel: 2 * ROUNDOFF, nmse: (2 * ROUNDOFF) ** 2 }, shape: [position + tokenCount + 1, columnCount] },
          // Each tap's product is rounded when it is gated, multiplied and gated again, and once a sum; all factors are below 1.
          output: { data: poison(tokenCount * outputStride), tolerance: sumTolerance(3 + tapCount, tapCount), shape: [tokenCount, outputStride] },
        },
      };
    },
    ({ gpu }) => {
      expect(gpu.f32('cache').slice(0, past)).toEqual(before.slice(0, past));
      expect(
        gpu
          .f32('cache')
          .slice(past, past + tokenCount * columnCount)
          .some(Number.isNaN),
      ).toBe(false);
    },
  );
}

// With taps of one and gates of one the result is the sum of what is in reach: 1, then 1 + 2, then 1 + 2 + 3, then 2 + 3 + 4.
testKernel(
  shortConvolution,
  {},
  'taps of one add up what is in reach',
  () => ({
    control: { tokenCount: 4 },
    params: { column_count: 1, input_stride: 3, output_stride: 1, tap_count: 3 },
    buffers: {
      input: Float32Array.from([1, 1, 1, 1, 1, 2, 1, 1, 3, 1, 1, 4]),
      taps: Float32Array.from([1, 1, 1]),
      cache: { data: poison(4), tolerance: sumTolerance(0, 0) },
      output: { data: poison(4), tolerance: sumTolerance(0, 0) },
    },
  }),
  ({ gpu }) => expect([...gpu.f32('output')]).toEqual([1, 3, 6, 9]),
);
