// One block of 32 weights out of each codec's packed regions: the meaning of shaders/codecs/*.wgsl, and built from the same steps. Layout of the regions:
// src/core/packed-weights.ts. What the numbers mean: ggml-quants.c of the GGUF specification's reference implementation.
//
// A quant times its scales has at most 24 significant bits and its minimum 17, so the f64 arithmetic here is exact and each weight is rounded once, to f32.
// f32 arithmetic on the GPU can do no other, fused or not: the two agree bit for bit.

import { halfTable } from './half';
import { BLOCK_SIZE, type CodecName } from './packed-weights';

/** The same bytes as numbers of each kind. */
export interface PackedViews {
  readonly bytes: Uint8Array;
  readonly signed: Int8Array;
  readonly shorts: Uint16Array;
  readonly floats: Float32Array;
}

/** Puts the 32 weights of block `index` (counted over all rows) into `out`. `at`: byte where each of the codec's regions starts, a multiple of 16. */
type BlockReader = (from: PackedViews, at: readonly number[], index: number, out: Float32Array) => void;

const IQ4_VALUES = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
/** Twice the E2M1 numbers (0, ½, 1, 1½, 2, 3, 4, 6 and their negatives). */
const E2M1_DOUBLES = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
/** Half of the power of two that an E8M0 byte stands for. */
const E8M0_HALVES = Float64Array.from({ length: 256 }, (_, exponent) => 2 ** (exponent - 128));
const POWERS_OF_THREE = Uint8Array.of(1, 3, 9, 27, 81);

/** A constant of this module: where modules are not bundled, one of another module costs a look-up in every turn of a loop. */
const COLUMNS = BLOCK_SIZE;
const halves = halfTable();
const floatBits = new Uint32Array(COLUMNS);
const floatsOfBits = new Float32Array(floatBits.buffer);
/** The quants of the block that is being read. */
const quants = new Uint8Array(COLUMNS);

export const BLOCK_READERS: Readonly<Record<CodecName, BlockReader>> = {
  f32: ({ floats }, at, index, out) => {
    const start = at[0]! / 4 + index * COLUMNS;
    for (let i = 0; i < COLUMNS; i++) out[i] = floats[start + i]!;
  },
  f16: ({ shorts }, at, index, out) => {
    const start = at[0]! / 2 + index * COLUMNS;
    for (let i = 0; i < COLUMNS; i++) out[i] = halves[shorts[start + i]!]!;
  },
  bf16: ({ shorts }, at, index, out) => {
    const start = at[0]! / 2 + index * COLUMNS;
    for (let i = 0; i < COLUMNS; i++) floatBits[i] = shorts[start + i]! << 16;
    out.set(floatsOfBits);
  },
  q8_0: (from, at, index, out) => {
    const scale = readHalf(from, at[1]! + index * 2);
    const start = at[0]! + index * COLUMNS;
    for (let i = 0; i < COLUMNS; i++) out[i] = scale * from.signed[start + i]!;
  },
  q4_0: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    const scale = readHalf(from, at[1]! + index * 2);
    writeCentred(out, 8, scale, scale);
  },
  q4_1: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    writeAbove(out, readHalf(from, at[1]! + index * 4), readHalf(from, at[1]! + index * 4 + 2));
  },
  q5_0: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    addHighBit(from, at[1]! + index * 4, 4);
    const scale = readHalf(from, at[2]! + index * 2);
    writeCentred(out, 16, scale, scale);
  },
  q5_1: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    addHighBit(from, at[1]! + index * 4, 4);
    writeAbove(out, readHalf(from, at[2]! + index * 4), readHalf(from, at[2]! + index * 4 + 2));
  },
  q2_k: (from, at, index, out) => {
    quants.fill(0);
    addTwoBits(from, at[0]! + index * 8, 0);
    const low = from.bytes[at[1]! + index * 2]!;
    const high = from.bytes[at[1]! + index * 2 + 1]!;
    const factor = readHalf(from, at[2]! + (index >> 3) * 4);
    const leastFactor = readHalf(from, at[2]! + (index >> 3) * 4 + 2);
    for (let i = 0; i < 16; i++) {
      out[i] = factor * (low & 15) * quants[i]! - leastFactor * (low >> 4);
      out[i + 16] = factor * (high & 15) * quants[i + 16]! - leastFactor * (high >> 4);
    }
  },
  q3_k: (from, at, index, out) => {
    quants.fill(0);
    addTwoBits(from, at[0]! + index * 8, 0);
    addHighBit(from, at[1]! + index * 4, 2);
    const header = at[2]! + (index >> 3) * 16;
    const factor = readHalf(from, header + 12);
    const pair = (index & 7) * 2;
    writeCentred(out, 4, factor * (q3Scale(from, header, pair) - 32), factor * (q3Scale(from, header, pair + 1) - 32));
  },
  q4_k: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    const header = at[1]! + (index >> 3) * 16;
    writeAbove(out, readHalf(from, header) * kScale(from, header, index & 7), -readHalf(from, header + 2) * kMinimum(from, header, index & 7));
  },
  q5_k: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    addHighBit(from, at[1]! + index * 4, 4);
    const header = at[2]! + (index >> 3) * 16;
    writeAbove(out, readHalf(from, header) * kScale(from, header, index & 7), -readHalf(from, header + 2) * kMinimum(from, header, index & 7));
  },
  q6_k: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    addTwoBits(from, at[1]! + index * 8, 4);
    const scales = at[2]! + index * 2;
    const factor = readHalf(from, at[3]! + (index >> 3) * 2);
    writeCentred(out, 32, factor * from.signed[scales]!, factor * from.signed[scales + 1]!);
  },
  iq4_nl: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    writeFromTable(out, IQ4_VALUES, readHalf(from, at[1]! + index * 2));
  },
  iq4_xs: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    // Bytes 0–1: factor; 2–3: two high bits of each scale; 4–7: four low bits of each.
    const header = at[1]! + (index >> 3) * 8;
    const block = index & 7;
    const low = (from.bytes[header + 4 + (block >> 1)]! >> (4 * (block & 1))) & 15;
    const high = (from.shorts[header / 2 + 1]! >> (2 * block)) & 3;
    writeFromTable(out, IQ4_VALUES, readHalf(from, header) * ((low | (high << 4)) - 32));
  },
  mxfp4: (from, at, index, out) => {
    readFourBits(from, at[0]! + index * 16);
    writeFromTable(out, E2M1_DOUBLES, E8M0_HALVES[from.bytes[at[1]! + index]!]!);
  },
  tq1_0: (from, at, index, out) => {
    const superblock = index >> 3;
    const block = index & 7;
    const digits = at[0]! + superblock * 48;
    const scale = readHalf(from, at[2]! + superblock * 2);
    for (let i = 0; i < COLUMNS; i++) {
      // Bytes 0–31 hold five blocks, one digit each; bytes 32–47 the next 80 columns, 16 to a digit; the four bytes apart the last 16, four to a digit.
      const column = block * COLUMNS + i;
      if (column < 160) out[i] = scale * ternaryDigit(from.bytes[digits + i]!, block);
      else if (column < 240) out[i] = scale * ternaryDigit(from.bytes[digits + 32 + (column & 15)]!, (column - 160) >> 4);
      else out[i] = scale * ternaryDigit(from.bytes[at[1]! + superblock * 4 + (column & 3)]!, (column - 240) >> 2);
    }
  },
  tq2_0: (from, at, index, out) => {
    quants.fill(0);
    addTwoBits(from, at[0]! + index * 8, 0);
    const scale = readHalf(from, at[1]! + (index >> 3) * 2);
    writeCentred(out, 1, scale, scale);
  },
};

function readHalf({ shorts }: PackedViews, at: number): number {
  return halves[shorts[at / 2]!]!;
}

function readFourBits({ bytes }: PackedViews, at: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + i]!;
    quants[i] = byte & 15;
    quants[i + 16] = byte >> 4;
  }
}

/** Two bits of each column, moved up by `shift`. */
function addTwoBits({ bytes }: PackedViews, at: number, shift: number): void {
  for (let word = 0; word < 2; word++) {
    for (let i = 0; i < 16; i++) quants[word * 16 + i]! |= ((bytes[at + word * 4 + (i & 3)]! >> (2 * (i >> 2))) & 3) << shift;
  }
}

/** One bit of each column, moved up by `shift`. */
function addHighBit({ bytes }: PackedViews, at: number, shift: number): void {
  for (let i = 0; i < COLUMNS; i++) quants[i]! |= ((bytes[at + (i & 3)]! >> (i >> 2)) & 1) << shift;
}

/** scale · (quant − zero), with a scale for either half of the block. */
function writeCentred(out: Float32Array, zero: number, scale: number, highScale: number): void {
  for (let i = 0; i < 16; i++) {
    out[i] = scale * (quants[i]! - zero);
    out[i + 16] = highScale * (quants[i + 16]! - zero);
  }
}

/** scale · quant + least. */
function writeAbove(out: Float32Array, scale: number, least: number): void {
  for (let i = 0; i < COLUMNS; i++) out[i] = scale * quants[i]! + least;
}

function writeFromTable(out: Float32Array, table: Int8Array, scale: number): void {
  for (let i = 0; i < COLUMNS; i++) out[i] = scale * table[quants[i]!]!;
}

/** Q3_K, scale `i` of 16: four low bits in bytes 0–7 (low halves first), two high bits in bytes 8–11. */
function q3Scale({ bytes }: PackedViews, header: number, i: number): number {
  const low = (bytes[header + (i & 7)]! >> (4 * (i >> 3))) & 15;
  const high = (bytes[header + 8 + (i & 3)]! >> (2 * (i >> 2))) & 3;
  return low | (high << 4);
}

// Q4_K and Q5_K: bytes 0–3 of the header are the factors; then come twelve bytes for the scales and minima of eight blocks. Bytes 4–7 are the scales of blocks
// 0–3 and bytes 8–11 their minima, six bits each; the two bits above are the high bits of block 4–7's, whose low bits are the halves of bytes 12–15.

function kScale({ bytes }: PackedViews, header: number, block: number): number {
  const byte = bytes[header + 4 + (block & 3)]!;
  return block < 4 ? byte & 63 : (bytes[header + 8 + block]! & 15) | ((byte >> 6) << 4);
}

function kMinimum({ bytes }: PackedViews, header: number, block: number): number {
  const byte = bytes[header + 8 + (block & 3)]!;
  return block < 4 ? byte & 63 : (bytes[header + 8 + block]! >> 4) | ((byte >> 6) << 4);
}

/** Digit `place` of a byte that is a ternary fraction (0.d₀d₁d₂d₃d₄ · 256, rounded up), less one: multiplied by 3^place, the digit is what passes the point next. */
function ternaryDigit(byte: number, place: number): number {
  return ((((byte * POWERS_OF_THREE[place]!) & 255) * 3) >> 8) - 1;
}
