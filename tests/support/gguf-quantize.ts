// Numbers as GGUF blocks, for tests: nearest steps of a grid spread over each block, which is plainer than what ggml does and gives valid files of any format.
// Layouts as in tests/support/gguf-decode.ts.

import { encodeBfloat16, encodeHalf, halfTable } from '../../src/core/half';
import type { CodecName } from '../../src/core/packed-weights';
import { storedBlockBytes, storedBlockSize } from './gguf-decode';

/** Writes the block `x` to `out`, which is zero. */
type BlockEncoder = (x: Float32Array, out: DataView) => void;

const IQ4_NL = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

const ENCODERS: Readonly<Record<CodecName, BlockEncoder>> = {
  f32: (x, out) => out.setFloat32(0, x[0]!, true),
  f16: (x, out) => out.setUint16(0, encodeHalf(x[0]!), true),
  bf16: (x, out) => out.setUint16(0, encodeBfloat16(x[0]!), true),
  q8_0: (x, out) => {
    const scale = setHalf(out, 0, Math.abs(extremeOf(x)) / 127);
    x.forEach((value, c) => out.setInt8(2 + c, stepOf(value, scale, -127, 127)));
  },
  q4_0: (x, out) => {
    const scale = setHalf(out, 0, extremeOf(x) / -8);
    x.forEach((value, c) => setNibble(out, 2, c, stepOf(value, scale, -8, 7) + 8));
  },
  q4_1: (x, out) => {
    const [least, scale] = setRange(x, out, 15);
    x.forEach((value, c) => setNibble(out, 4, c, stepOf(value - least, scale, 0, 15)));
  },
  q5_0: (x, out) => {
    const scale = setHalf(out, 0, extremeOf(x) / -16);
    x.forEach((value, c) => {
      const quant = stepOf(value, scale, -16, 15) + 16;
      setNibble(out, 6, c, quant & 15);
      orByte(out, 2 + (c >> 3), (quant >> 4) << (c & 7));
    });
  },
  q5_1: (x, out) => {
    const [least, scale] = setRange(x, out, 31);
    x.forEach((value, c) => {
      const quant = stepOf(value - least, scale, 0, 31);
      setNibble(out, 8, c, quant & 15);
      orByte(out, 4 + (c >> 3), (quant >> 4) << (c & 7));
    });
  },
  q2_k: (x, out) => {
    const { scales, minima, factor, leastFactor } = rangesOf(x, out, 16, 3, 15, 80);
    scales.forEach((scale, j) => out.setUint8(j, scale | (minima[j]! << 4)));
    x.forEach((value, c) => setTwoBits(out, 16, c, stepOf(value + leastFactor * minima[c >> 4]!, factor * scales[c >> 4]!, 0, 3)));
  },
  q3_k: (x, out) => {
    const { scales, factor } = centredScalesOf(x, out, 16, 4, 31, 108);
    scales.forEach((scale, j) => {
      const code = scale + 32;
      orByte(out, 96 + (j & 7), (code & 15) << (j < 8 ? 0 : 4));
      orByte(out, 104 + (j & 3), (code >> 4) << (2 * (j >> 2)));
    });
    x.forEach((value, c) => {
      const quant = stepOf(value, factor * scales[c >> 4]!, -4, 3) + 4;
      setTwoBits(out, 32, c, quant & 3);
      orByte(out, c & 31, (quant >> 2) << (c >> 5));
    });
  },
  q4_k: (x, out) => encodeK(x, out, 15, 16, undefined),
  q5_k: (x, out) => encodeK(x, out, 31, 48, 16),
  q6_k: (x, out) => {
    const { scales, factor } = centredScalesOf(x, out, 16, 32, 127, 208);
    scales.forEach((scale, j) => out.setInt8(192 + j, scale));
    x.forEach((value, c) => {
      const quant = stepOf(value, factor * scales[c >> 4]!, -32, 31) + 32;
      orByte(out, (c >> 7) * 64 + (c & 63), (quant & 15) << (c & 64 ? 4 : 0));
      setTwoBits(out, 128, c, quant >> 4);
    });
  },
  iq4_nl: (x, out) => {
    const scale = setHalf(out, 0, extremeOf(x) / -127);
    x.forEach((value, c) => setNibble(out, 2, c, nearest(IQ4_NL, scale === 0 ? 0 : value / scale)));
  },
  iq4_xs: (x, out) => {
    const { scales, factor } = centredScalesOf(x, out, 32, 127, 31, 0);
    scales.forEach((scale, j) => {
      const code = scale + 32;
      orByte(out, 4 + (j >> 1), (code & 15) << (j & 1 ? 4 : 0));
      out.setUint16(2, out.getUint16(2, true) | ((code >> 4) << (2 * j)), true);
    });
    x.forEach((value, c) => {
      const scale = factor * scales[c >> 5]!;
      setNibble(out, 8 + (c >> 5) * 16, c & 31, nearest(IQ4_NL, scale === 0 ? 0 : value / scale));
    });
  },
  mxfp4: (x, out) => {
    const largest = Math.abs(extremeOf(x));
    const exponent = largest === 0 ? 0 : clamp(Math.floor(Math.log2(largest)) - 2 + 127, 0, 254);
    out.setUint8(0, exponent);
    x.forEach((value, c) => setNibble(out, 1, c, nearest(E2M1, Math.abs(value) / 2 ** (exponent - 127)) | (value < 0 ? 8 : 0)));
  },
  tq1_0: (x, out) => {
    const scale = setHalf(out, 52, Math.abs(extremeOf(x)));
    const digit = (c: number): number => stepOf(x[c]!, scale, -1, 1) + 1;
    const setDigits = (at: number, columns: readonly number[]): void => {
      // The digits as a fraction of 3^5, as a fraction of 256, rounded up.
      const value = columns.reduce((sum, c, place) => sum + digit(c) * 3 ** (4 - place), 0);
      out.setUint8(at, Math.ceil((value * 256) / 243));
    };
    for (let i = 0; i < 32; i++) setDigits(i, [0, 1, 2, 3, 4].map((place) => place * 32 + i)); // prettier-ignore
    for (let i = 0; i < 16; i++) setDigits(32 + i, [0, 1, 2, 3, 4].map((place) => 160 + place * 16 + i)); // prettier-ignore
    for (let i = 0; i < 4; i++) setDigits(48 + i, [0, 1, 2, 3].map((place) => 240 + place * 4 + i)); // prettier-ignore
  },
  tq2_0: (x, out) => {
    const scale = setHalf(out, 64, Math.abs(extremeOf(x)));
    x.forEach((value, c) => setTwoBits(out, 0, c, stepOf(value, scale, -1, 1) + 1));
  },
};

/** Writer of rows of `columnCount` numbers as the blocks of a GGUF tensor. It throws when a row is not of whole blocks. */
export function encodeGguf(codec: CodecName): (values: Float32Array, columnCount: number) => Uint8Array<ArrayBuffer> {
  const blockSize = storedBlockSize(codec);
  const blockBytes = storedBlockBytes(codec);
  return (values, columnCount) => {
    if (columnCount % blockSize !== 0) throw new Error(`${codec} cannot store rows of ${columnCount}`);
    const bytes = new Uint8Array((values.length / blockSize) * blockBytes);
    for (let b = 0; b * blockSize < values.length; b++) {
      ENCODERS[codec](values.subarray(b * blockSize, (b + 1) * blockSize), new DataView(bytes.buffer, b * blockBytes, blockBytes));
    }
    return bytes;
  };
}

/** Q4_K and Q5_K: eight 6-bit scales and minima, quants up to `maximum` at `quantsAt`, their fifth bits at `highAt`. */
function encodeK(x: Float32Array, out: DataView, maximum: number, quantsAt: number, highAt: number | undefined): void {
  const { scales, minima, factor, leastFactor } = rangesOf(x, out, 32, maximum, 63, 0);
  for (let j = 0; j < 4; j++) {
    out.setUint8(4 + j, scales[j]! | ((scales[j + 4]! >> 4) << 6));
    out.setUint8(8 + j, minima[j]! | ((minima[j + 4]! >> 4) << 6));
    out.setUint8(12 + j, (scales[j + 4]! & 15) | ((minima[j + 4]! & 15) << 4));
  }
  x.forEach((value, c) => {
    const quant = stepOf(value + leastFactor * minima[c >> 5]!, factor * scales[c >> 5]!, 0, maximum);
    orByte(out, quantsAt + (c >> 6) * 32 + (c & 31), (quant & 15) << (c & 32 ? 4 : 0));
    if (highAt !== undefined) orByte(out, highAt + (c & 31), (quant >> 4) << (c >> 5));
  });
}

/** Scale and minimum of groups of columns, as numbers up to `codes` times factors that are written as two halves at `factorsAt`. */
function rangesOf(x: Float32Array, out: DataView, groupSize: number, maximum: number, codes: number, factorsAt: number) {
  const groups = groupsOf(x, groupSize);
  const lowest = groups.map((group) => Math.max(0, -Math.min(...group)));
  const steps = groups.map((group, j) => (Math.max(...group, 0) + lowest[j]!) / maximum);
  const factor = setHalf(out, factorsAt, Math.max(...steps) / codes);
  const leastFactor = setHalf(out, factorsAt + 2, Math.max(...lowest) / codes);
  return {
    scales: steps.map((step) => stepOf(step, factor, 0, codes)),
    minima: lowest.map((least) => stepOf(least, leastFactor, 0, codes)),
    factor,
    leastFactor,
  };
}

/** Scale of groups of columns whose quants go from -`lowest`, as numbers of either sign up to `codes` times a factor that is written as a half. */
function centredScalesOf(x: Float32Array, out: DataView, groupSize: number, lowest: number, codes: number, factorAt: number) {
  const steps = groupsOf(x, groupSize).map((group) => extremeOf(group) / -lowest);
  const factor = setHalf(out, factorAt, Math.max(...steps.map(Math.abs)) / codes);
  return { scales: steps.map((step) => stepOf(step, factor, -codes - 1, codes)), factor };
}

/** Scale and minimum of a block of 32, written as halves. */
function setRange(x: Float32Array, out: DataView, maximum: number): readonly [least: number, scale: number] {
  const scale = setHalf(out, 0, (Math.max(...x) - Math.min(...x)) / maximum);
  return [setHalf(out, 2, Math.min(...x)), scale];
}

/** The value as a half, and what that decodes to. */
function setHalf(out: DataView, at: number, value: number): number {
  const bits = encodeHalf(value);
  out.setUint16(at, bits, true);
  return halfTable()[bits]!;
}

function setNibble(out: DataView, at: number, c: number, value: number): void {
  orByte(out, at + (c & 15), value << (c < 16 ? 0 : 4));
}

function setTwoBits(out: DataView, at: number, c: number, value: number): void {
  orByte(out, at + (c >> 7) * 32 + (c & 31), value << (2 * ((c >> 5) & 3)));
}

function orByte(out: DataView, at: number, bits: number): void {
  out.setUint8(at, out.getUint8(at) | bits);
}

function stepOf(value: number, scale: number, low: number, high: number): number {
  return scale === 0 ? clamp(0, low, high) : clamp(Math.round(value / scale), low, high);
}

function nearest(table: readonly number[], value: number): number {
  return table.reduce((best, entry, i) => (Math.abs(entry - value) < Math.abs(table[best]! - value) ? i : best), 0);
}

/** The number furthest from zero. */
function extremeOf(x: Float32Array): number {
  return x.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
}

function groupsOf(x: Float32Array, size: number): Float32Array[] {
  return Array.from({ length: x.length / size }, (_, i) => x.subarray(i * size, (i + 1) * size));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
