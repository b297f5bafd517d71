// The readers of packed weights in WGSL (shaders/codecs) against those on the CPU (src/core/packed-block.ts), bit for bit, on blocks of raw bits rather than
// encoded numbers: every quant, zero, negative and extreme scales. Rows come out through the embed kernel.
//
// Subnormal numbers stand apart: WGSL lets an adapter take a subnormal half or float for zero. lavapipe and SwiftShader keep them all (the run prints it
// when an adapter does not); a model hardly has them, since 2^-14 is the smallest normal half.

import { expect } from 'vitest';
import { CODEC_IDS, CODEC_NAMES, type CodecName, PACKED_CODECS, packedMatrixBytes, quantRegionBytes } from '../../src/core/packed-weights';
import type { Random } from '../../src/core/random';
import { embed } from '../../src/kernels/embed';
import { type KernelOutcomes, poison, testKernel } from '../support/kernel-harness';
import { EXACT, type Tolerance } from '../support/tolerance';

const ROWS = 33;
const COLUMNS = 96;
const BLOCKS = ROWS * (COLUMNS / 32);
const BASE_WORDS = 5;

/** Halves that a scale may be: zeros of both signs, ±1, the smallest normal and the largest of both signs, and numbers next to powers of two. */
const SCALES = [0x0000, 0x8000, 0x3c00, 0xbc00, 0x0400, 0x8400, 0x7bff, 0xfbff, 0x3bff, 0xb801, 0x2e66] as const;
const SUBNORMAL_HALVES = [0x0001, 0x8001, 0x0200, 0x03ff, 0x83ff] as const;

type Bits = (random: Random, index: number) => number;

/** What fills a codec's words: normal numbers and zeros only, or subnormal ones. */
interface Filling {
  readonly half: Bits;
  readonly bfloat16: Bits;
  readonly float: Bits;
}

const NORMAL: Filling = {
  half: (random, i) => (i < SCALES.length ? SCALES[i]! : (random.integer(0, 1) << 15) | (random.integer(1, 30) << 10) | random.integer(0, 0x3ff)),
  bfloat16: (random, i) => (i < 2 ? i << 15 : (random.integer(0, 1) << 15) | (random.integer(1, 254) << 7) | random.integer(0, 0x7f)),
  float: (random, i) => (i < 2 ? (i << 31) >>> 0 : ((random.integer(0, 1) << 31) | (random.integer(1, 254) << 23) | random.integer(0, 0x7fffff)) >>> 0),
};

const SUBNORMAL: Filling = {
  half: (random, i) => (i < SUBNORMAL_HALVES.length ? SUBNORMAL_HALVES[i]! : (random.integer(0, 1) << 15) | random.integer(1, 0x3ff)),
  bfloat16: (random) => (random.integer(0, 1) << 15) | random.integer(1, 0x7f),
  float: (random) => ((random.integer(0, 1) << 31) | random.integer(1, 0x7fffff)) >>> 0,
};

for (const codec of CODEC_NAMES) {
  testCodec(codec, 'every block bit for bit', NORMAL, EXACT, ({ cpu, gpu }) => {
    const [expected, found] = [cpu.u32('output'), gpu.u32('output')];
    expect(found).toEqual(expected);
    // The reference is held to the format's own words, not to itself alone.
    const distinct = new Set(expected).size;
    expect(distinct).toBeGreaterThan(codec === 'q4_0' ? 500 : 1000);
  });

  // A flush to zero changes a weight by no more than the largest subnormal number, times the largest quant.
  const largest = codec === 'f32' || codec === 'bf16' ? 2 ** -126 : codec === 'f16' ? 2 ** -14 : 2 ** -14 * 128;
  testCodec(codec, 'subnormal numbers are kept, or all are zero', SUBNORMAL, { abs: largest, rel: 0, nmse: 1 }, ({ cpu, gpu }) => {
    const [expected, found] = [cpu.f32('output'), gpu.f32('output')];
    const kept = found.every((value, i) => value === expected[i]);
    const flushed = found.every((value) => value === 0);
    expect(kept || flushed).toBe(true);
    if (flushed) console.warn(`this adapter takes subnormal numbers of ${codec} for zero`);
  });
}

function testCodec(codec: CodecName, title: string, filling: Filling, tolerance: Tolerance, check: (outcomes: KernelOutcomes) => void): void {
  testKernel(
    embed,
    { CODEC: CODEC_IDS[codec] },
    `${codec}: ${title}`,
    (random) => ({
      control: { tokenCount: ROWS },
      params: { column_count: COLUMNS, output_stride: COLUMNS, first_row: 0, row_count: ROWS, base: BASE_WORDS },
      buffers: {
        weights: rawMatrix(random, codec, filling),
        tokens: Uint32Array.from({ length: ROWS }, (_, t) => t),
        output: { data: poison(ROWS * COLUMNS), tolerance, shape: [ROWS, COLUMNS] },
      },
    }),
    check,
  );
}

/** A packed matrix of raw bits at BASE_WORDS. */
function rawMatrix(random: Random, codec: CodecName, filling: Filling): Uint8Array {
  const shape = { codec, rowCount: ROWS, columnCount: COLUMNS };
  const bytes = new Uint8Array(BASE_WORDS * 16 + packedMatrixBytes(shape)).fill(0xff);
  const quants = new DataView(bytes.buffer, BASE_WORDS * 16, quantRegionBytes(shape));
  const scales = new DataView(bytes.buffer, BASE_WORDS * 16 + quants.byteLength);
  const valueCount = BLOCKS * 32;
  if (codec === 'f32') for (let i = 0; i < valueCount; i++) quants.setUint32(i * 4, filling.float(random, i), true);
  else if (codec === 'f16') for (let i = 0; i < valueCount; i++) quants.setUint16(i * 2, filling.half(random, i), true);
  else if (codec === 'bf16') for (let i = 0; i < valueCount; i++) quants.setUint16(i * 2, filling.bfloat16(random, i), true);
  else {
    // Every byte occurs: all pairs of nibbles, all signed quants, -128 included.
    for (let i = 0; i < quants.byteLength; i++) quants.setUint8(i, i < 256 ? i : random.integer(0, 255));
    for (let i = 0; i < BLOCKS; i++) scales.setUint16(i * PACKED_CODECS[codec].scaleBytes, filling.half(random, i), true);
  }
  return bytes;
}
