// GGUF blocks of random bits: every quant, every scale of few bits, and halves (or powers of two) of the caller's choice.

import type { CodecName } from '../../src/core/packed-weights';
import type { Random } from '../../src/core/random';
import { storedBlockBytes, storedHalves } from './gguf-decode';

/** The `index`-th number of a kind. Where a block has two halves, those of one block get different indexes. */
export type Bits = (random: Random, index: number) => number;

export interface Filling {
  readonly half: Bits;
  readonly bfloat16: Bits;
  readonly float: Bits;
  /** The scale of MXFP4: 2^(bits − 127). */
  readonly exponent: Bits;
}

/** Halves that a scale may be: zeros of both signs, ±1, the smallest normal and the largest of both signs, and numbers next to powers of two. */
const SCALES = [0x0000, 0x8000, 0x3c00, 0xbc00, 0x0400, 0x8400, 0x7bff, 0xfbff, 0x3bff, 0xb801, 0x2e66] as const;
const SUBNORMAL_HALVES = [0x0001, 0x8001, 0x0200, 0x03ff, 0x83ff] as const;
/** From the smallest whose products are all normal f32 numbers to the largest whose products are all finite. */
const EXPONENTS = [2, 252, 127, 128, 3, 251] as const;

/** Normal numbers and zeros only. */
export const NORMAL: Filling = {
  half: (random, i) => (i < 33 ? SCALES[i % SCALES.length]! : (random.integer(0, 1) << 15) | (random.integer(1, 30) << 10) | random.integer(0, 0x3ff)),
  bfloat16: (random, i) => (i < 2 ? i << 15 : (random.integer(0, 1) << 15) | (random.integer(1, 254) << 7) | random.integer(0, 0x7f)),
  float: (random, i) => (i < 2 ? (i << 31) >>> 0 : ((random.integer(0, 1) << 31) | (random.integer(1, 254) << 23) | random.integer(0, 0x7fffff)) >>> 0),
  exponent: (random, i) => EXPONENTS[i] ?? random.integer(2, 252),
};

/** Numbers, or scales, that are subnormal in their format or make subnormal products. */
export const SUBNORMAL: Filling = {
  half: (random, i) => SUBNORMAL_HALVES[i] ?? (random.integer(0, 1) << 15) | random.integer(1, 0x3ff),
  bfloat16: (random) => (random.integer(0, 1) << 15) | random.integer(1, 0x7f),
  float: (random) => ((random.integer(0, 1) << 31) | random.integer(1, 0x7fffff)) >>> 0,
  exponent: (_, i) => i % 2,
};

export function randomBlocks(random: Random, codec: CodecName, blockCount: number, filling: Filling): Uint8Array<ArrayBuffer> {
  const blockBytes = storedBlockBytes(codec);
  const halves = storedHalves(codec);
  // Every byte occurs, and every pair of nibbles, before chance sets in.
  const bytes = Uint8Array.from({ length: blockCount * blockBytes }, (_, i) => (i < 256 ? i : random.integer(0, 255)));
  const view = new DataView(bytes.buffer);
  for (let b = 0; b < blockCount; b++) {
    const at = b * blockBytes;
    if (codec === 'f32') view.setUint32(at, filling.float(random, b), true);
    else if (codec === 'f16') view.setUint16(at, filling.half(random, b), true);
    else if (codec === 'bf16') view.setUint16(at, filling.bfloat16(random, b), true);
    else if (codec === 'mxfp4') view.setUint8(at, filling.exponent(random, b));
    // 3 b + 1 meets each of eleven scales beside another than b does.
    else halves.forEach((half, i) => view.setUint16(at + half, filling.half(random, i === 0 ? b : 3 * b + 1), true));
  }
  return bytes;
}
