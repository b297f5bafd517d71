import { expect } from 'vitest';
import { ropeCache } from '../../src/kernels/rope-cache';
import { roundUp } from '../../src/core/units';
import { poison, randomFloats, testKernel } from '../support/kernel-harness';
import { ropeTable } from '../support/rope-table';
import { EXACT, ROUNDOFF, type Tolerance, normScaleError } from '../support/tolerance';

interface Shape {
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headSize: number;
  readonly rotarySize?: number;
  readonly position: number;
  readonly tokenCount: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  { headCount: 2, kvHeadCount: 1, headSize: 64, position: 0, tokenCount: 1 },
  { headCount: 4, kvHeadCount: 2, headSize: 64, position: 7, tokenCount: 3, constants: { HEAD_NORM: 1 } },
  { headCount: 3, kvHeadCount: 3, headSize: 80, position: 70, tokenCount: 17 },
  { headCount: 8, kvHeadCount: 2, headSize: 128, position: 3, tokenCount: 2, constants: { HEAD_NORM: 1 } },
  // Only the first columns turn, and none at all.
  { headCount: 2, kvHeadCount: 1, headSize: 80, rotarySize: 32, position: 5, tokenCount: 2 },
  { headCount: 2, kvHeadCount: 1, headSize: 36, rotarySize: 18, position: 5, tokenCount: 3, constants: { HEAD_NORM: 1 } },
  { headCount: 2, kvHeadCount: 2, headSize: 32, rotarySize: 0, position: 1, tokenCount: 2 },
  { headCount: 1, kvHeadCount: 1, headSize: 256, position: 2, tokenCount: 1, constants: { WG_SIZE: 128, HEAD_NORM: 1 } },
  { headCount: 2, kvHeadCount: 1, headSize: 64, position: 0, tokenCount: 33 },
  // Neighbouring columns turn together: all of them, and the first only.
  { headCount: 2, kvHeadCount: 1, headSize: 80, position: 9, tokenCount: 2, constants: { ROPE: 2 } },
  { headCount: 2, kvHeadCount: 1, headSize: 36, rotarySize: 18, position: 5, tokenCount: 3, constants: { ROPE: 2 } },
  // Nothing turns; the heads of a token are one row to the norm.
  { headCount: 3, kvHeadCount: 1, headSize: 48, position: 4, tokenCount: 3, constants: { ROPE: 0, HEAD_NORM: 2 } },
  { headCount: 4, kvHeadCount: 2, headSize: 80, position: 4, tokenCount: 2, constants: { HEAD_NORM: 2 } },
];

for (const { headCount, kvHeadCount, headSize, rotarySize = headSize, position, tokenCount, constants = {} } of SHAPES) {
  const title = `${headCount} heads and ${kvHeadCount} of ${headSize}, ${rotarySize} columns turn, ${tokenCount} tokens from ${position}`;
  testKernel(
    ropeCache,
    constants,
    title,
    (random) => {
      const inputStride = roundUp((headCount + 2 * kvHeadCount) * headSize, 32);
      const queryStride = roundUp(headCount * headSize, 32);
      // One row more than the context: only the batch's own rows may be written.
      const cacheLength = (position + tokenCount + 1) * kvHeadCount * headSize;
      const isRow = constants['HEAD_NORM'] === 2;
      const tolerance = toleranceOf(isRow ? headCount * headSize : headSize, constants);
      return {
        control: { tokenCount, position },
        params: {
          head_count: headCount,
          kv_head_count: kvHeadCount,
          head_size: headSize,
          rotary_size: rotarySize,
          input_stride: inputStride,
          query_stride: queryStride,
          norm_eps: 1e-6,
        },
        buffers: {
          qkv: randomFloats(random, tokenCount * inputStride),
          head_gain: randomFloats(random, (isRow ? headCount + kvHeadCount : 2) * headSize, 0.5, 2),
          rope_table: ropeTable(position + tokenCount, Math.max(rotarySize / 2, 1)),
          query: { data: poison(tokenCount * queryStride), tolerance, shape: [tokenCount, queryStride] },
          key_cache: { data: poison(cacheLength), tolerance, shape: [position + tokenCount + 1, kvHeadCount, headSize] },
          value_cache: { data: poison(cacheLength), tolerance: EXACT, shape: [position + tokenCount + 1, kvHeadCount, headSize] },
        },
      };
    },
    ({ gpu }) => {
      const rowLength = kvHeadCount * headSize;
      for (const name of ['key_cache', 'value_cache']) {
        const isWritten = Array.from(gpu.f32(name), (value) => !Number.isNaN(value));
        expect(isWritten).toEqual(isWritten.map((_, i) => i >= position * rowLength && i < (position + tokenCount) * rowLength));
      }
    },
  );
}

/**
 * Two products and a sum of numbers in [-1, 1): 3 roundings of at most √2. With a norm the columns have mean square 1, below 2 each at these sizes, and gains
 * to 2: numbers up to 4, off by the scale and two roundings, and rounded once by the reference.
 */
function toleranceOf(headSize: number, constants: Readonly<Record<string, number>>): Tolerance {
  const largest = constants['HEAD_NORM'] ? 4 * Math.SQRT2 : Math.SQRT2;
  const inputError = constants['HEAD_NORM'] ? normScaleError(headSize, constants['WG_SIZE'] ?? 64) + 3 * ROUNDOFF : 0;
  const relative = inputError + 3 * ROUNDOFF;
  return { abs: relative * largest, rel: ROUNDOFF, nmse: relative ** 2 };
}
