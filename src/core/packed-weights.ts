// How weights lie in GPU memory (and in expert records), and how one block of them is read.
//
// A matrix [rowCount, columnCount] is repacked once, when it is imported, so that every kernel reads aligned words. What a format stores together for 32 or
// 256 columns is taken apart into regions, one after the other: first the quants of all blocks, row by row, then the scales of all blocks, and so on. Each
// region is padded to 16 bytes. Plain numbers (F32, F16, BF16) are one region, and their rows may have any length: they are padded with zeros to whole blocks.
// Fields within a region, for a block of 32 columns:
//   8-bit quants     byte c is column c
//   4-bit quants     16 bytes; byte j has column j in its low half and column j + 16 in its high half
//   2-bit quants     two 32-bit words; field 2s of byte j of word k is column 16k + 4s + j
//   1-bit quants     a 32-bit word; bit i of byte j is column 4i + j
//   scales           as the format stores them; see the format's reader
// so that masking shifted words gives the quants of four neighbouring columns in the four bytes of a word.
// `shaders/lib/weights.wgsl` and `shaders/codecs/*.wgsl` read the same layout; tests hold the two against each other.

import { assert } from './assert';
import { divideCeil, roundUp } from './units';

/** Weights in one block: the unit in which every codec is read. */
export const BLOCK_SIZE = 32;
/** Weights that share scales in the K, IQ4_XS and TQ formats. */
export const SUPERBLOCK_SIZE = 256;

/** Names as GGUF writes them, lower case. The number is the value of the CODEC override constants in WGSL. */
export const CODEC_IDS = {
  f32: 0,
  f16: 1,
  bf16: 2,
  q8_0: 3,
  q4_0: 4,
  q4_1: 5,
  q5_0: 6,
  q5_1: 7,
  q2_k: 8,
  q3_k: 9,
  q4_k: 10,
  q5_k: 11,
  q6_k: 12,
  iq4_nl: 13,
  iq4_xs: 14,
  mxfp4: 15,
  tq1_0: 16,
  tq2_0: 17,
} as const;
export type CodecName = keyof typeof CODEC_IDS;
export const CODEC_NAMES = Object.keys(CODEC_IDS) as CodecName[];

interface PackedRegion {
  /** Columns of one unit: a block or a superblock. */
  readonly unitColumns: number;
  readonly unitBytes: number;
}

const block = (unitBytes: number): PackedRegion => ({ unitColumns: BLOCK_SIZE, unitBytes });
const superblock = (unitBytes: number): PackedRegion => ({ unitColumns: SUPERBLOCK_SIZE, unitBytes });

/** The regions of each codec, in order. Together they are as large as GGUF's blocks, but for two bytes in a superblock of Q3_K. */
export const PACKED_REGIONS: Readonly<Record<CodecName, readonly PackedRegion[]>> = {
  f32: [block(128)],
  f16: [block(64)],
  bf16: [block(64)],
  q8_0: [block(32), block(2)], // quants, scale
  q4_0: [block(16), block(2)], // quants, scale
  q4_1: [block(16), block(4)], // quants, scale and minimum
  q5_0: [block(16), block(4), block(2)], // low 4 bits, high bit, scale
  q5_1: [block(16), block(4), block(4)], // low 4 bits, high bit, scale and minimum
  q2_k: [block(8), block(2), superblock(4)], // quants, 4-bit scales and minima, their factors
  q3_k: [block(8), block(4), superblock(16)], // low 2 bits, high bit, 6-bit scales and their factor
  q4_k: [block(16), superblock(16)], // quants, factors and 6-bit scales and minima
  q5_k: [block(16), block(4), superblock(16)], // low 4 bits, high bit, factors and 6-bit scales and minima
  q6_k: [block(16), block(8), block(2), superblock(2)], // low 4 bits, high 2 bits, 8-bit scales, their factor
  iq4_nl: [block(16), block(2)], // places in a table, scale
  iq4_xs: [block(16), superblock(8)], // places in a table, factor and 6-bit scales
  mxfp4: [block(16), block(1)], // E2M1 numbers, E8M0 scale
  tq1_0: [superblock(48), superblock(4), superblock(2)], // bytes of five ternary digits, of four, scale
  tq2_0: [block(8), superblock(2)], // quants, scale
};

export interface MatrixShape {
  readonly codec: CodecName;
  readonly rowCount: number;
  readonly columnCount: number;
}

/** A matrix at a place in a weight buffer. */
export interface PackedMatrix extends MatrixShape {
  /** Where region 1 starts, in bytes from the start of the buffer or record; a multiple of 16. */
  readonly offsetBytes: number;
}

export function blocksPerRow(columnCount: number): number {
  return divideCeil(columnCount, BLOCK_SIZE);
}

/** Columns that a row in memory is a multiple of: whole blocks, or whole superblocks where a region has them. */
export function columnMultiple(codec: CodecName): number {
  return Math.max(...PACKED_REGIONS[codec].map(({ unitColumns }) => unitColumns));
}

/** Where each region starts, in bytes from the start of the matrix, and behind the last one the size of the matrix. Asserts that rows are of whole units. */
export function regionOffsets({ codec, rowCount, columnCount }: MatrixShape): number[] {
  assert((blocksPerRow(columnCount) * BLOCK_SIZE) % columnMultiple(codec) === 0, `rows of ${columnCount} columns cannot be ${codec}`);
  const blockCount = rowCount * blocksPerRow(columnCount);
  const offsets = [0];
  for (const { unitColumns, unitBytes } of PACKED_REGIONS[codec]) {
    offsets.push(offsets.at(-1)! + roundUp((blockCount * BLOCK_SIZE * unitBytes) / unitColumns, 16));
  }
  return offsets;
}

export function packedMatrixBytes(shape: MatrixShape): number {
  return regionOffsets(shape).at(-1)!;
}

/** Lays matrices one after the other and gives each its place. */
export function layOutMatrices<Key extends string>(
  shapes: ReadonlyArray<readonly [Key, MatrixShape]>,
): { readonly matrices: Record<Key, PackedMatrix>; readonly sizeBytes: number } {
  const matrices = {} as Record<Key, PackedMatrix>;
  let offsetBytes = 0;
  for (const [key, shape] of shapes) {
    matrices[key] = { ...shape, offsetBytes };
    offsetBytes += packedMatrixBytes(shape);
  }
  return { matrices, sizeBytes: offsetBytes };
}
