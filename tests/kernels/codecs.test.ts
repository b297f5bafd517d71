// The readers of packed weights in WGSL (shaders/codecs) against those on the CPU (src/core/block-readers.ts) and against the blocks as they are stored in a
// GGUF (tests/support/gguf-decode.ts), bit for bit, on blocks of raw bits: every quant, zero, negative and extreme scales. Rows come out through the embed
// kernel.
//
// Subnormal numbers stand apart: WGSL lets an adapter take a subnormal half or float for zero. lavapipe keeps them all. SwiftShader keeps subnormal halves, and
// takes subnormal floats for zero: the products that the smallest scales of MXFP4 make always, stored ones in some runs (the run prints it). A model hardly
// has them: 2^-14 is the smallest normal half, 2^-126 the smallest normal float.

import { expect } from 'vitest';
import { CODEC_IDS, CODEC_NAMES, type CodecName, columnMultiple, packedMatrixBytes } from '../../src/core/packed-weights';
import { repackMatrix } from '../../src/formats/repack';
import { embed } from '../../src/kernels/embed';
import { decodeStored, storedBlockSize } from '../support/gguf-decode';
import { type KernelOutcome, poison, testKernel } from '../support/kernel-harness';
import { type Filling, NORMAL, SUBNORMAL, randomBlocks } from '../support/random-blocks';
import { EXACT, type Tolerance } from '../support/tolerance';

const ROWS = 33;
const BASE_WORDS = 5;
const SMALLEST_NORMAL = 2 ** -126;

for (const codec of CODEC_NAMES) {
  testCodec(codec, 'every block bit for bit', NORMAL, EXACT, (gpu, stored) => {
    const expected = new Uint32Array(decodeStored(codec, stored).buffer);
    expect(gpu.u32('output')).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(100);
  });

  // A flush to zero changes a weight by no more than the largest subnormal number, times the largest quant and scale.
  const largest = codec === 'f32' || codec === 'bf16' || codec === 'mxfp4' ? SMALLEST_NORMAL : codec === 'f16' ? 2 ** -14 : 2 ** -14 * 4096;
  testCodec(codec, 'subnormal numbers are kept or taken for zero', SUBNORMAL, { abs: largest, rel: 0, nmse: 1 }, (gpu, stored) => {
    const expected = decodeStored(codec, stored);
    const found = gpu.f32('output');
    // The scale of MXFP4 is a power of two, of which only the products may be subnormal.
    const mayBeZero = (value: number): boolean => codec !== 'mxfp4' || Math.abs(value) < SMALLEST_NORMAL;
    const wrong = expected.findIndex((value, i) => found[i] !== value && !(found[i] === 0 && mayBeZero(value)));
    expect(wrong, `gpu ${found[wrong]}, stored ${expected[wrong]}`).toBe(-1);
    if (found.some((value, i) => value !== expected[i])) console.warn(`this adapter takes subnormal numbers of ${codec} for zero`);
  });
}

function testCodec(codec: CodecName, title: string, filling: Filling, tolerance: Tolerance, check: (gpu: KernelOutcome, stored: Uint8Array) => void): void {
  // Blocks and superblocks that begin in the middle of a word of their regions.
  const columnCount = columnMultiple(codec) * 3;
  const shape = { codec, rowCount: ROWS, columnCount };
  let stored = new Uint8Array();
  testKernel(
    embed,
    { CODEC: CODEC_IDS[codec] },
    `${codec}: ${title}`,
    (random) => {
      stored = randomBlocks(random, codec, (ROWS * columnCount) / storedBlockSize(codec), filling);
      const weights = new Uint8Array(BASE_WORDS * 16 + packedMatrixBytes(shape)).fill(0xff);
      repackMatrix(shape, stored, weights, BASE_WORDS * 16);
      return {
        control: { tokenCount: ROWS },
        params: { column_count: columnCount, output_stride: columnCount, first_row: 0, row_count: ROWS, base: BASE_WORDS },
        buffers: {
          weights,
          tokens: Uint32Array.from({ length: ROWS }, (_, t) => t),
          output: { data: poison(ROWS * columnCount), tolerance, shape: [ROWS, columnCount] },
        },
      };
    },
    ({ gpu }) => check(gpu, stored),
  );
}
