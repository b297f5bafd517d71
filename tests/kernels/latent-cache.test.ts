import { expect } from 'vitest';
import { latentCache } from '../../src/kernels/latent-cache';
import { poison, randomFloats, testKernel } from '../support/kernel-harness';
import { ropeTable } from '../support/rope-table';
import { paddedLength } from '../support/test-routes';
import { EXACT, ROUNDOFF } from '../support/tolerance';

interface Shape {
  readonly headCount: number;
  readonly plainSize: number;
  readonly rotarySize: number;
  readonly valueSize: number;
  readonly position: number;
  readonly tokenCount: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  // At the first position nothing turns: every column is a copy.
  { headCount: 2, plainSize: 16, rotarySize: 8, valueSize: 24, position: 0, tokenCount: 1 },
  // Heads wider than a workgroup, of a size that no multiple of 32 holds.
  { headCount: 3, plainSize: 100, rotarySize: 68, valueSize: 72, position: 7, tokenCount: 3 },
  { headCount: 4, plainSize: 12, rotarySize: 20, valueSize: 16, position: 33, tokenCount: 5, constants: { ROPE: 1 } },
];

for (const { headCount, plainSize, rotarySize, valueSize, position, tokenCount, constants = {} } of SHAPES) {
  const size = plainSize + rotarySize;
  const queryStride = paddedLength(headCount * size);
  const expandedStride = paddedLength(headCount * (plainSize + valueSize));
  const rotaryStride = paddedLength(rotarySize);
  let queryIn = new Float32Array();
  let keyRotary = new Float32Array();
  testKernel(
    latentCache,
    constants,
    `${headCount} heads of ${plainSize} and ${rotarySize} that turn, values of ${valueSize}, ${tokenCount} tokens from ${position}`,
    (random) => {
      queryIn = randomFloats(random, tokenCount * queryStride);
      keyRotary = randomFloats(random, tokenCount * rotaryStride);
      // One row more than the context: only the batch's own rows may be written.
      const rowCount = position + tokenCount + 1;
      // Two products and a sum of numbers below 1: 3 roundings of at most √2.
      const tolerance = { abs: 3 * Math.SQRT2 * ROUNDOFF, rel: ROUNDOFF, nmse: (3 * ROUNDOFF) ** 2 };
      return {
        control: { tokenCount, position },
        params: {
          head_count: headCount,
          plain_size: plainSize,
          rotary_size: rotarySize,
          value_size: valueSize,
          query_in_stride: queryStride,
          expanded_stride: expandedStride,
          rotary_stride: rotaryStride,
          query_stride: queryStride,
        },
        buffers: {
          query_in: queryIn,
          expanded: randomFloats(random, tokenCount * expandedStride),
          key_rotary: keyRotary,
          rope_table: ropeTable(position + tokenCount, rotarySize / 2),
          query: { data: poison(tokenCount * queryStride), tolerance, shape: [tokenCount, queryStride] },
          key_cache: { data: poison(rowCount * headCount * size), tolerance, shape: [rowCount, headCount, size] },
          value_cache: { data: poison(rowCount * headCount * valueSize), tolerance: EXACT, shape: [rowCount, headCount, valueSize] },
        },
      };
    },
    ({ gpu }) => {
      for (const [name, rowLength] of [
        ['key_cache', headCount * size],
        ['value_cache', headCount * valueSize],
      ] as const) {
        const isWritten = Array.from(gpu.f32(name), (value) => !Number.isNaN(value));
        expect(isWritten).toEqual(isWritten.map((_, i) => i >= position * rowLength && i < (position + tokenCount) * rowLength));
      }
      // The turning part of the key is one for all heads.
      const turned = (head: number): Float32Array => {
        const start = (position * headCount + head) * size;
        return gpu.f32('key_cache').slice(start + plainSize, start + size);
      };
      expect(turned(1)).toEqual(turned(0));
      if (position > 0) return;
      expect(gpu.f32('query').slice(0, headCount * size)).toEqual(queryIn.slice(0, headCount * size));
      expect(gpu.f32('key_cache').slice(plainSize, size)).toEqual(keyRotary.slice(0, rotarySize));
    },
  );
}
