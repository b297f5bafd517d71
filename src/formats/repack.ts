// From GGUF blocks to packed weights (src/core/packed-weights.ts). GGUF keeps the scales of a block beside its quants (18, 34, 210 bytes, unaligned); packed
// weights keep them apart, and the quants of 32 columns together. Bits are moved, never changed. Block layouts: ggml-common.h in the GGUF specification's
// reference implementation. Blocks are read and written 16 bits at a time: all but MXFP4 have an even number of bytes, and most are no multiple of four.

import { assert, defined } from '../core/assert';
import { BLOCK_SIZE, type CodecName, type MatrixShape, blocksPerRow, packedMatrixBytes, regionOffsets } from '../core/packed-weights';
import { ggmlTypeNamed } from './ggml-types';

/** Bytes of rows as GGUF stores them. Asserts that rows are of whole blocks. */
export function storedBytes({ codec, rowCount, columnCount }: MatrixShape): number {
  const { blockSize, blockBytes } = defined(ggmlTypeNamed(codec), codec);
  assert(columnCount % blockSize === 0, `rows of ${columnCount} columns cannot be ${codec}`);
  return ((rowCount * columnCount) / blockSize) * blockBytes;
}

/** Writes the packed form of `stored` (GGUF bytes of exactly this matrix) into `target` at `offsetBytes`, a multiple of 16. */
export function repackMatrix(shape: MatrixShape, stored: Uint8Array, target: Uint8Array, offsetBytes: number): void {
  assert(stored.byteLength === storedBytes(shape), 'stored bytes of another matrix');
  assert(offsetBytes + packedMatrixBytes(shape) <= target.byteLength, 'packed matrix outside its target');
  const { codec, rowCount, columnCount } = shape;
  const { blockSize, blockBytes } = defined(ggmlTypeNamed(codec), codec);
  if (codec === 'f32' || codec === 'f16' || codec === 'bf16') {
    padRows(stored, rowCount, blocksPerRow(columnCount) * BLOCK_SIZE * blockBytes, target, offsetBytes);
    return;
  }
  const at = regionOffsets(shape).map((offset) => offsetBytes + offset);
  const blockCount = (rowCount * columnCount) / blockSize;
  if (codec === 'mxfp4') {
    repackMxfp4(stored, target, at, blockCount);
    return;
  }
  const places = at.map((offset) => offset / 2);
  REPACKERS[codec](shortsOf(aligned(stored)), shortsOf(target), places, blockCount);
}

/** Rows of plain numbers, each padded to `packedRowBytes`. */
function padRows(stored: Uint8Array, rowCount: number, packedRowBytes: number, target: Uint8Array, offsetBytes: number): void {
  const rowBytes = stored.byteLength / rowCount;
  if (rowBytes === packedRowBytes) target.set(stored, offsetBytes);
  else for (let row = 0; row < rowCount; row++) target.set(stored.subarray(row * rowBytes, (row + 1) * rowBytes), offsetBytes + row * packedRowBytes);
}

function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
}

function shortsOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint16Array {
  assert(byteOffset % 2 === 0, 'packed weights start at an even byte');
  return new Uint16Array(buffer, byteOffset, byteLength >> 1);
}

/** `from`: GGUF blocks; `to`: packed weights; `at`: where each region starts in `to`. All in units of 16 bits. */
type Repacker = (from: Uint16Array, to: Uint16Array, at: readonly number[], blockCount: number) => void;

const REPACKERS: Readonly<Record<Exclude<CodecName, 'f32' | 'f16' | 'bf16' | 'mxfp4'>, Repacker>> = {
  q8_0: (from, to, [quants = 0, scales = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 17) {
      to[scales + b] = from[f]!;
      copy(from, f + 1, to, quants + b * 16, 16);
    }
  },
  q4_0: repackFourBits,
  iq4_nl: repackFourBits,
  q4_1: (from, to, [quants = 0, scales = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 10) {
      to[scales + b * 2] = from[f]!;
      to[scales + b * 2 + 1] = from[f + 1]!;
      copy(from, f + 2, to, quants + b * 8, 8);
    }
  },
  q5_0: (from, to, [low = 0, high = 0, scales = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 11) {
      to[scales + b] = from[f]!;
      spreadBits(from, f + 1, to, high + b * 2);
      copy(from, f + 3, to, low + b * 8, 8);
    }
  },
  q5_1: (from, to, [low = 0, high = 0, scales = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 12) {
      to[scales + b * 2] = from[f]!;
      to[scales + b * 2 + 1] = from[f + 1]!;
      spreadBits(from, f + 2, to, high + b * 2);
      copy(from, f + 4, to, low + b * 8, 8);
    }
  },
  // Scales 16 bytes, quants 64, factors 4.
  q2_k: (from, to, [quants = 0, scales = 0, factors = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 42) {
      copy(from, f, to, scales + b * 8, 8);
      gatherTwoBits(from, f + 8, to, quants + b * 32);
      copy(from, f + 40, to, factors + b * 2, 2);
    }
  },
  // High bits 32 bytes, low bits 64, scales 12, factor 2.
  q3_k: (from, to, [low = 0, high = 0, headers = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 55) {
      gatherBits(from, f, to, high + b * 16);
      gatherTwoBits(from, f + 16, to, low + b * 32);
      copy(from, f + 48, to, headers + b * 8, 7);
    }
  },
  // Factors 4 bytes, scales 12, quants 128.
  q4_k: (from, to, [quants = 0, headers = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 72) {
      copy(from, f, to, headers + b * 8, 8);
      for (let pair = 0; pair < 4; pair++) partHalves(from, f + 8 + pair * 16, to, quants + b * 64 + pair * 16, quants + b * 64 + pair * 16 + 8);
    }
  },
  // Factors 4 bytes, scales 12, high bits 32, low bits 128.
  q5_k: (from, to, [low = 0, high = 0, headers = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 88) {
      copy(from, f, to, headers + b * 8, 8);
      gatherBits(from, f + 8, to, high + b * 16);
      for (let pair = 0; pair < 4; pair++) partHalves(from, f + 24 + pair * 16, to, low + b * 64 + pair * 16, low + b * 64 + pair * 16 + 8);
    }
  },
  // Low bits 128 bytes, high bits 64, scales 16, factor 2. Of 128 columns, the halves of bytes 0–31 are the first and third block, of bytes 32–63 the others.
  q6_k: (from, to, [low = 0, high = 0, scales = 0, factors = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 105) {
      for (let pair = 0; pair < 4; pair++) {
        const first = low + b * 64 + (pair >> 1) * 32 + (pair & 1) * 8;
        partHalves(from, f + pair * 16, to, first, first + 16);
      }
      gatherTwoBits(from, f + 64, to, high + b * 32);
      copy(from, f + 96, to, scales + b * 8, 8);
      to[factors + b] = from[f + 104]!;
    }
  },
  // Factor and high bits of the scales 4 bytes, their low bits 4, quants 128 (already 16 bytes a block of 32).
  iq4_xs: (from, to, [quants = 0, headers = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 68) {
      copy(from, f, to, headers + b * 4, 4);
      copy(from, f + 4, to, quants + b * 64, 64);
    }
  },
  tq1_0: (from, to, [fives = 0, fours = 0, scales = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 27) {
      copy(from, f, to, fives + b * 24, 24);
      copy(from, f + 24, to, fours + b * 2, 2);
      to[scales + b] = from[f + 26]!;
    }
  },
  tq2_0: (from, to, [quants = 0, scales = 0], blockCount) => {
    for (let b = 0, f = 0; b < blockCount; b++, f += 33) {
      gatherTwoBits(from, f, to, quants + b * 32);
      to[scales + b] = from[f + 32]!;
    }
  },
};

/** Q4_0 and IQ4_NL: scale 2 bytes, quants 16. */
function repackFourBits(from: Uint16Array, to: Uint16Array, [quants = 0, scales = 0]: readonly number[], blockCount: number): void {
  for (let b = 0, f = 0; b < blockCount; b++, f += 9) {
    to[scales + b] = from[f]!;
    copy(from, f + 1, to, quants + b * 8, 8);
  }
}

/** Scale one byte, quants 16. */
function repackMxfp4(from: Uint8Array, to: Uint8Array, [quants = 0, scales = 0]: readonly number[], blockCount: number): void {
  for (let b = 0, f = 0; b < blockCount; b++, f += 17) {
    to[scales + b] = from[f]!;
    for (let i = 0; i < 16; i++) to[quants + b * 16 + i] = from[f + 1 + i]!;
  }
}

/** A loop, since `set` with `subarray` costs more than moving a block. */
function copy(from: Uint16Array, f: number, to: Uint16Array, t: number, count: number): void {
  for (let i = 0; i < count; i++) to[t + i] = from[f + i]!;
}

/** 32 bytes whose low halves are one block's quants and whose high halves are another's → 16 bytes of either. */
function partHalves(from: Uint16Array, f: number, to: Uint16Array, lowBlock: number, highBlock: number): void {
  for (let i = 0; i < 8; i++) {
    const a = from[f + i]!;
    const b = from[f + i + 8]!;
    to[lowBlock + i] = (a & 0x0f0f) | ((b & 0x0f0f) << 4);
    to[highBlock + i] = ((a >> 4) & 0x0f0f) | (b & 0xf0f0);
  }
}

/** 64 bytes, in each half of which byte c holds column c of four blocks, two bits of each → 8 bytes for each of the eight blocks. */
function gatherTwoBits(from: Uint16Array, f: number, to: Uint16Array, t: number): void {
  for (let block = 0; block < 8; block++) {
    const shift = 2 * (block & 3);
    for (let i = 0; i < 4; i++) {
      // Columns 4s + 2 (i & 1) and the next of either half of the block.
      const at = f + (block >> 2) * 16 + (i >> 1) * 8 + (i & 1);
      to[t + block * 4 + i] =
        ((from[at]! >> shift) & 0x0303) |
        (((from[at + 2]! >> shift) & 0x0303) << 2) |
        (((from[at + 4]! >> shift) & 0x0303) << 4) |
        (((from[at + 6]! >> shift) & 0x0303) << 6);
    }
  }
}

/** 32 bytes, byte c of which holds column c of eight blocks, a bit of each → 4 bytes for each block. */
function gatherBits(from: Uint16Array, f: number, to: Uint16Array, t: number): void {
  for (let block = 0; block < 8; block++) {
    let first = 0;
    let second = 0;
    for (let i = 0; i < 8; i++) {
      first |= ((from[f + i * 2]! >> block) & 0x0101) << i;
      second |= ((from[f + i * 2 + 1]! >> block) & 0x0101) << i;
    }
    to[t + block * 2] = first;
    to[t + block * 2 + 1] = second;
  }
}

/** 4 bytes of which bit c is column c → 4 bytes of which bit i of byte j is column 4i + j. */
function spreadBits(from: Uint16Array, f: number, to: Uint16Array, t: number): void {
  const bits = from[f]! | (from[f + 1]! << 16);
  let first = 0;
  let second = 0;
  for (let i = 0; i < 8; i++) {
    const four = bits >>> (4 * i);
    first |= ((four & 1) | ((four & 2) << 7)) << i;
    second |= (((four >> 2) & 1) | ((four & 8) << 5)) << i;
  }
  to[t] = first;
  to[t + 1] = second;
}
