// The weights of GGUF blocks as they are stored, one column at a time: what src/formats/repack.ts and the readers of packed weights are held against. Written
// from the definitions in ggml-common.h and ggml-quants.c, with nothing of src/ but the numbers' own formats.

import { halfTable } from '../../src/core/half';
import type { CodecName } from '../../src/core/packed-weights';

interface StoredFormat {
  readonly blockSize: number;
  readonly blockBytes: number;
  /** Bytes where scales lie that are halves. */
  readonly halves: readonly number[];
  /** The weight in column `c` of a block. */
  weight(block: DataView, c: number): number;
}

const IQ4_NL = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/** Without a negative zero: ggml keeps these numbers, doubled, as integers. */
const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6];

const half = (block: DataView, at: number): number => halfTable()[block.getUint16(at, true)]!;
const byte = (block: DataView, at: number): number => block.getUint8(at);
/** Columns 0–15 are the low halves of 16 bytes, columns 16–31 the high ones. */
const nibble = (block: DataView, at: number, c: number): number => (c < 16 ? byte(block, at + c) & 15 : byte(block, at + c - 16) >> 4);
const bit = (block: DataView, at: number, c: number): number => (byte(block, at + (c >> 3)) >> (c & 7)) & 1;
/** Of 128 columns, byte l of 32 holds columns l, 32 + l, 64 + l and 96 + l. */
const twoBits = (block: DataView, at: number, c: number): number => (byte(block, at + (c >> 7) * 32 + (c & 31)) >> (2 * ((c >> 5) & 3))) & 3;
/** Byte l of 32 holds columns l, 32 + l, 64 + l, … */
const oneBit = (block: DataView, at: number, c: number): number => (byte(block, at + (c & 31)) >> (c >> 5)) & 1;
/** Of 64 columns, the low halves of 32 bytes are the first 32, the high halves the others. */
const kNibble = (block: DataView, at: number, c: number): number => (byte(block, at + (c >> 6) * 32 + (c & 31)) >> (c & 32 ? 4 : 0)) & 15;

/** The 6-bit scale and minimum of 32 columns in Q4_K and Q5_K (get_scale_min_k4). */
function scaleAndMinimum(block: DataView, at: number, j: number): readonly [number, number] {
  if (j < 4) return [byte(block, at + j) & 63, byte(block, at + j + 4) & 63];
  const low = byte(block, at + j + 4);
  return [(low & 15) | ((byte(block, at + j - 4) >> 6) << 4), (low >> 4) | ((byte(block, at + j) >> 6) << 4)];
}

/** The 6-bit scale of 16 columns in Q3_K. */
function q3Scale(block: DataView, at: number, j: number): number {
  const low = j < 8 ? byte(block, at + j) & 15 : byte(block, at + j - 8) >> 4;
  return (low | (((byte(block, at + 8 + (j % 4)) >> (2 * Math.floor(j / 4))) & 3) << 4)) - 32;
}

function ternary(value: number, place: number): number {
  return Math.floor((((value * 3 ** place) % 256) * 3) / 256) - 1;
}

const FORMATS: Readonly<Record<CodecName, StoredFormat>> = {
  f32: { blockSize: 1, blockBytes: 4, halves: [], weight: (block) => block.getFloat32(0, true) },
  f16: { blockSize: 1, blockBytes: 2, halves: [], weight: (block) => half(block, 0) },
  bf16: {
    blockSize: 1,
    blockBytes: 2,
    halves: [],
    weight: (block) => new DataView(Uint8Array.of(0, 0, byte(block, 0), byte(block, 1)).buffer).getFloat32(0, true),
  },
  q8_0: { blockSize: 32, blockBytes: 34, halves: [0], weight: (block, c) => half(block, 0) * block.getInt8(2 + c) },
  q4_0: { blockSize: 32, blockBytes: 18, halves: [0], weight: (block, c) => half(block, 0) * (nibble(block, 2, c) - 8) },
  q4_1: { blockSize: 32, blockBytes: 20, halves: [0, 2], weight: (block, c) => half(block, 0) * nibble(block, 4, c) + half(block, 2) },
  q5_0: { blockSize: 32, blockBytes: 22, halves: [0], weight: (block, c) => half(block, 0) * (nibble(block, 6, c) + 16 * bit(block, 2, c) - 16) },
  q5_1: {
    blockSize: 32,
    blockBytes: 24,
    halves: [0, 2],
    weight: (block, c) => half(block, 0) * (nibble(block, 8, c) + 16 * bit(block, 4, c)) + half(block, 2),
  },
  q2_k: {
    blockSize: 256,
    blockBytes: 84,
    halves: [80, 82],
    weight: (block, c) => {
      const scales = byte(block, c >> 4);
      return half(block, 80) * (scales & 15) * twoBits(block, 16, c) - half(block, 82) * (scales >> 4);
    },
  },
  q3_k: {
    blockSize: 256,
    blockBytes: 110,
    halves: [108],
    // The high bit says that 4 is not taken away.
    weight: (block, c) => half(block, 108) * q3Scale(block, 96, c >> 4) * (twoBits(block, 32, c) - (oneBit(block, 0, c) ? 0 : 4)),
  },
  q4_k: {
    blockSize: 256,
    blockBytes: 144,
    halves: [0, 2],
    weight: (block, c) => {
      const [scale, minimum] = scaleAndMinimum(block, 4, c >> 5);
      return half(block, 0) * scale * kNibble(block, 16, c) - half(block, 2) * minimum;
    },
  },
  q5_k: {
    blockSize: 256,
    blockBytes: 176,
    halves: [0, 2],
    weight: (block, c) => {
      const [scale, minimum] = scaleAndMinimum(block, 4, c >> 5);
      return half(block, 0) * scale * (kNibble(block, 48, c) + 16 * oneBit(block, 16, c)) - half(block, 2) * minimum;
    },
  },
  q6_k: {
    blockSize: 256,
    blockBytes: 210,
    halves: [208],
    weight: (block, c) => {
      // Of 128 columns, 64 bytes hold the first 64 in their low halves and the last 64 in their high ones.
      const low = (byte(block, (c >> 7) * 64 + (c & 63)) >> (c & 64 ? 4 : 0)) & 15;
      return half(block, 208) * block.getInt8(192 + (c >> 4)) * (low + 16 * twoBits(block, 128, c) - 32);
    },
  },
  iq4_nl: { blockSize: 32, blockBytes: 18, halves: [0], weight: (block, c) => half(block, 0) * IQ4_NL[nibble(block, 2, c)]! },
  iq4_xs: {
    blockSize: 256,
    blockBytes: 136,
    halves: [0],
    weight: (block, c) => {
      const j = c >> 5;
      const low = (byte(block, 4 + (j >> 1)) >> (j & 1 ? 4 : 0)) & 15;
      const high = (block.getUint16(2, true) >> (2 * j)) & 3;
      return half(block, 0) * (low + 16 * high - 32) * IQ4_NL[nibble(block, 8 + j * 16, c & 31)]!;
    },
  },
  mxfp4: { blockSize: 32, blockBytes: 17, halves: [], weight: (block, c) => 2 ** (byte(block, 0) - 127) * E2M1[nibble(block, 1, c)]! },
  tq1_0: {
    blockSize: 256,
    blockBytes: 54,
    halves: [52],
    weight: (block, c) => {
      if (c < 160) return half(block, 52) * ternary(byte(block, c % 32), Math.floor(c / 32));
      if (c < 240) return half(block, 52) * ternary(byte(block, 32 + ((c - 160) % 16)), Math.floor((c - 160) / 16));
      return half(block, 52) * ternary(byte(block, 48 + ((c - 240) % 4)), Math.floor((c - 240) / 4));
    },
  },
  tq2_0: { blockSize: 256, blockBytes: 66, halves: [64], weight: (block, c) => half(block, 64) * (twoBits(block, 0, c) - 1) },
};

/** Columns that a row of this format is a multiple of. */
export function storedBlockSize(codec: CodecName): number {
  return FORMATS[codec].blockSize;
}

export function storedBlockBytes(codec: CodecName): number {
  return FORMATS[codec].blockBytes;
}

/** Bytes of a block where scales lie that are halves. */
export function storedHalves(codec: CodecName): readonly number[] {
  return FORMATS[codec].halves;
}

/** GGUF blocks, one after the other → their weights. */
export function decodeStored(codec: CodecName, stored: Uint8Array): Float32Array {
  const { blockSize, blockBytes, weight } = FORMATS[codec];
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const values = new Float32Array((stored.byteLength / blockBytes) * blockSize);
  for (let b = 0; b * blockBytes < stored.byteLength; b++) {
    const block = new DataView(view.buffer, view.byteOffset + b * blockBytes, blockBytes);
    for (let c = 0; c < blockSize; c++) values[b * blockSize + c] = weight(block, c);
  }
  return values;
}
