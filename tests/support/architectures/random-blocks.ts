// Random weights in the block formats of GGUF, without an encoder: the quants are any that an encoder may write, the scales are such that the weights have the
// spread that is asked for. Layouts: ggml-common.h. What they mean is left to decoders; the golden files are made with ggml's own.

import { encodeBfloat16, encodeHalf } from '../../../src/core/half';
import type { Random } from '../../../src/core/random';
import { ggmlTypeNamed } from '../../../src/formats/ggml-types';

interface BlockFormat {
  /** Where the f16 scale of a block is. */
  readonly scaleAt: number;
  /** Standard deviation of the weights of random quants when the scale is 1. */
  readonly deviation: number;
  /** Where the f16 minimum is, and how many scales make the mean 0. */
  readonly minimum?: { readonly at: number; readonly scales: number };
  /** The quants, when not every byte is one. */
  readonly quants?: (block: Uint8Array, random: Random) => void;
}

const FORMATS: Readonly<Record<string, BlockFormat>> = {
  q8_0: { scaleAt: 0, deviation: 73.9 },
  q4_0: { scaleAt: 0, deviation: 4.6 },
  q4_1: { scaleAt: 0, deviation: 4.6, minimum: { at: 2, scales: -7.5 } },
  q5_0: { scaleAt: 0, deviation: 9.2 },
  q5_1: { scaleAt: 0, deviation: 9.2, minimum: { at: 2, scales: -15.5 } },
  q2_k: { scaleAt: 80, deviation: 14.3, minimum: { at: 82, scales: 1.5 } },
  q3_k: { scaleAt: 108, deviation: 42 },
  q4_k: { scaleAt: 0, deviation: 263, minimum: { at: 2, scales: 7.5 } },
  q5_k: { scaleAt: 0, deviation: 532, minimum: { at: 2, scales: 15.5 } },
  q6_k: { scaleAt: 208, deviation: 1365 },
  iq4_nl: { scaleAt: 0, deviation: 71 },
  iq4_xs: { scaleAt: 0, deviation: 1310 },
  tq1_0: { scaleAt: 52, deviation: 0.82, quants: fiveTritsPerByte },
  tq2_0: { scaleAt: 64, deviation: 0.82, quants: fourTritsPerByte },
};

/** What `randomMatrix` can write. */
export const MATRIX_FORMATS: readonly string[] = ['f32', 'f16', 'bf16', ...Object.keys(FORMATS), 'mxfp4'];

/** `count` weights of about this standard deviation and mean 0. */
export function randomMatrix(type: string, count: number, deviation: number, random: Random): Uint8Array {
  const known = ggmlTypeNamed(type);
  if (!known || count % known.blockSize !== 0) throw new Error(`${type} cannot store ${count} weights`);
  const bytes = new Uint8Array((count / known.blockSize) * known.blockBytes);
  const write = blockWriter(type, deviation, random);
  for (let at = 0; at < bytes.byteLength; at += known.blockBytes) write(bytes.subarray(at, at + known.blockBytes));
  return bytes;
}

function blockWriter(type: string, deviation: number, random: Random): (block: Uint8Array) => void {
  const uniform = deviation * Math.sqrt(3);
  if (type === 'f32') return (block) => view(block).setFloat32(0, random.float(-uniform, uniform), true);
  if (type === 'f16') return (block) => view(block).setUint16(0, encodeHalf(random.float(-uniform, uniform)), true);
  if (type === 'bf16') return (block) => view(block).setUint16(0, encodeBfloat16(random.float(-uniform, uniform)), true);
  if (type === 'mxfp4') return (block) => writeMxfp4(block, deviation, random);
  const format = FORMATS[type];
  if (!format) throw new Error(`no random blocks of ${type}`);
  const { scaleAt, minimum, quants = anyBytes } = format;
  return (block) => {
    quants(block, random);
    // Encoders write scales of either sign, but with a minimum only positive ones.
    const sign = minimum || random.float() < 0.5 ? 1 : -1;
    const scale = (sign * deviation * random.float(0.6, 1.4)) / format.deviation;
    view(block).setUint16(scaleAt, encodeHalf(scale), true);
    if (minimum) view(block).setUint16(minimum.at, encodeHalf(scale * minimum.scales), true);
  };
}

/** Scale as a power of two in the first byte (E8M0), then two E2M1 numbers per byte; those have a deviation of 2.9. */
function writeMxfp4(block: Uint8Array, deviation: number, random: Random): void {
  anyBytes(block, random);
  block[0] = 127 + Math.round(Math.log2(deviation / 2.9)) + random.integer(-1, 1);
}

function anyBytes(block: Uint8Array, random: Random): void {
  for (let at = 0; at < block.byteLength; at++) block[at] = random.uint32() & 255;
}

/** 48 bytes of five digits to the base 3, then 4 bytes of four, each as a fraction of 256 rounded up. */
function fiveTritsPerByte(block: Uint8Array, random: Random): void {
  for (let at = 0; at < 52; at++) block[at] = Math.ceil(((at < 48 ? random.integer(0, 242) : 3 * random.integer(0, 80)) * 256) / 243);
}

/** 64 bytes of four times two bits, of which 3 is not written. */
function fourTritsPerByte(block: Uint8Array, random: Random): void {
  for (let at = 0; at < 64; at++) block[at] = [0, 2, 4, 6].reduce((byte, shift) => byte | (random.integer(0, 2) << shift), 0);
}

function view(block: Uint8Array): DataView {
  return new DataView(block.buffer, block.byteOffset, block.byteLength);
}
