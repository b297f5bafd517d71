// f32 matrices as GGUF stores them: elements one after the other, or blocks of 32 that begin with their scale as f16. Layouts: ggml-common.h, block_q8_0 and
// block_q4_0; rounding as in ggml-quants.c.

import { encodeBfloat16, encodeHalf, halfTable } from '../../src/core/half';
import { BLOCK_SIZE, type CodecName } from '../../src/core/packed-weights';

interface StoredCodec {
  /** Values in one unit of storage. */
  readonly unit: number;
  readonly unitBytes: number;
  write(values: Float32Array, view: DataView, at: number): void;
}

const STORED: Readonly<Record<CodecName, StoredCodec>> = {
  f32: { unit: 1, unitBytes: 4, write: ([x], view, at) => view.setFloat32(at, x!, true) },
  f16: { unit: 1, unitBytes: 2, write: ([x], view, at) => view.setUint16(at, encodeHalf(x!), true) },
  bf16: { unit: 1, unitBytes: 2, write: ([x], view, at) => view.setUint16(at, encodeBfloat16(x!), true) },
  q8_0: {
    unit: BLOCK_SIZE,
    unitBytes: 34,
    write: (values, view, at) => {
      const scale = writeScale(view, at, Math.max(...values.map(Math.abs)) / 127);
      values.forEach((x, i) => view.setInt8(at + 2 + i, Math.round(scale === 0 ? 0 : Math.min(127, Math.max(-127, x / scale)))));
    },
  },
  q4_0: {
    unit: BLOCK_SIZE,
    unitBytes: 18,
    write: (values, view, at) => {
      const extreme = values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
      const scale = writeScale(view, at, extreme / -8);
      const nibble = (i: number) => (scale === 0 ? 8 : Math.min(15, Math.max(0, Math.round(values[i]! / scale + 8))));
      // The low nibbles are the first half of the block, the high ones the second.
      for (let i = 0; i < BLOCK_SIZE / 2; i++) view.setUint8(at + 2 + i, nibble(i) | (nibble(i + BLOCK_SIZE / 2) << 4));
    },
  },
};

/** The bytes of rows of `columnCount` values; block codecs need a multiple of 32. */
export function encodeGguf(codec: CodecName): (values: Float32Array, columnCount: number) => Uint8Array<ArrayBuffer> {
  const { unit, unitBytes, write } = STORED[codec];
  return (values, columnCount) => {
    if (columnCount % unit !== 0) throw new Error(`${codec} cannot store rows of ${columnCount}`);
    const bytes = new Uint8Array((values.length / unit) * unitBytes);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < values.length / unit; i++) write(values.subarray(i * unit, (i + 1) * unit), view, i * unitBytes);
    return bytes;
  };
}

/** The scale as it is stored, and as it will be read. */
function writeScale(view: DataView, at: number, scale: number): number {
  const bits = encodeHalf(scale);
  view.setUint16(at, bits, true);
  return halfTable()[bits]!;
}
