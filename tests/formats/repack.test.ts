// Repacking moves values and changes none: what the kernels' layout says is what the file's blocks say.

import { describe, expect, test } from 'vitest';
import { decodeBfloat16, halfTable } from '../../src/core/half';
import { PackedMatrixReader } from '../../src/core/packed-block';
import {
  BLOCK_SIZE,
  CODEC_IDS,
  CODEC_NAMES,
  type CodecName,
  type MatrixShape,
  PACKED_CODECS,
  blocksPerRow,
  layOutMatrices,
  packedMatrixBytes,
  quantRegionBytes,
} from '../../src/core/packed-weights';
import { Random } from '../../src/core/random';
import { repackMatrix, storedBytes } from '../../src/formats/repack';
import { encodeGguf } from '../support/gguf-quantize';
import { packMatrix } from '../support/pack-matrix';

const GUARD_BYTES = 32;
const GUARD = 0xa5;

/** How a file stores a value: straight from the format's description, one value at a time. */
const VALUE_AT: Readonly<Record<CodecName, (view: DataView, index: number) => number>> = {
  f32: (view, i) => view.getFloat32(i * 4, true),
  f16: (view, i) => halfTable()[view.getUint16(i * 2, true)]!,
  bf16: (view, i) => decodeBfloat16(view.getUint16(i * 2, true)),
  q8_0: (view, i) => {
    const at = Math.floor(i / 32) * 34;
    return Math.fround(halfTable()[view.getUint16(at, true)]! * view.getInt8(at + 2 + (i % 32)));
  },
  q4_0: (view, i) => {
    const at = Math.floor(i / 32) * 18;
    const byte = view.getUint8(at + 2 + (i % 16));
    return Math.fround(halfTable()[view.getUint16(at, true)]! * ((i % 32 < 16 ? byte & 15 : byte >> 4) - 8));
  },
};

const isBlockCodec = (codec: CodecName) => PACKED_CODECS[codec].scaleBytes > 0;

const SHAPES: readonly MatrixShape[] = CODEC_NAMES.flatMap((codec) =>
  [[1, 32], [3, 64], [5, 96], [17, 160], ...(isBlockCodec(codec) ? [] : [[1, 1], [7, 31], [4, 33], [5, 100]])] // prettier-ignore
    .map(([rowCount, columnCount]) => ({ codec, rowCount: rowCount!, columnCount: columnCount! })),
);

/** Any bytes, but scales and elements that are numbers. */
function randomStored(shape: MatrixShape, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from({ length: storedBytes(shape) }, () => random.integer(0, 255));
  const view = new DataView(bytes.buffer);
  const { codec } = shape;
  if (codec === 'f32') for (let at = 0; at < bytes.length; at += 4) view.setFloat32(at, random.float(-2, 2), true);
  if (codec === 'f16' || codec === 'bf16') for (let at = 1; at < bytes.length; at += 2) bytes[at]! &= 0xbf;
  if (codec === 'q8_0' || codec === 'q4_0') {
    const blockBytes = codec === 'q8_0' ? 34 : 18;
    for (let at = 0; at < bytes.length; at += blockBytes) bytes[at + 1]! &= 0xbf;
  }
  return bytes;
}

/** The packed matrix at 16 bytes into a target with guards on both sides. */
function repack(shape: MatrixShape, stored: Uint8Array): { readonly target: Uint8Array; readonly packed: Uint8Array } {
  const target = new Uint8Array(GUARD_BYTES * 2 + packedMatrixBytes(shape)).fill(GUARD);
  target.fill(0, GUARD_BYTES, target.length - GUARD_BYTES);
  repackMatrix(shape, stored, target, GUARD_BYTES);
  return { target, packed: target.subarray(GUARD_BYTES, target.length - GUARD_BYTES) };
}

describe.each(SHAPES)('$codec, $rowCount × $columnCount', (shape) => {
  const { codec, rowCount, columnCount } = shape;

  test('every value is the one in the file, and padding is zero', () => {
    const stored = randomStored(shape, new Random(rowCount * 1000 + columnCount));
    const view = new DataView(stored.buffer);
    const { target } = repack(shape, stored);
    const reader = new PackedMatrixReader(target, CODEC_IDS[codec], GUARD_BYTES / 16, rowCount, columnCount);
    const block = new Float32Array(BLOCK_SIZE);
    for (let row = 0; row < rowCount; row++) {
      for (let b = 0; b < blocksPerRow(columnCount); b++) {
        reader.readBlock(row, b, block);
        const expected = Array.from(block, (_, i) => {
          const column = b * BLOCK_SIZE + i;
          return column < columnCount ? VALUE_AT[codec](view, row * columnCount + column) : 0;
        });
        expect([...block], `row ${row}, block ${b}`).toEqual(expected);
      }
    }
  });

  test('nothing outside the matrix is written', () => {
    const { target } = repack(shape, randomStored(shape, new Random(1)));
    for (const guard of [target.subarray(0, GUARD_BYTES), target.subarray(-GUARD_BYTES)]) expect(new Set(guard)).toEqual(new Set([GUARD]));
  });

  test('numbers encoded for the file and repacked are numbers packed at once', () => {
    const random = new Random(7);
    const values = Float32Array.from({ length: rowCount * columnCount }, () => random.float(-3, 3));
    expect(repack(shape, encodeGguf(codec)(values, columnCount)).packed).toEqual(packMatrix(shape, values));
  });
});

test('sizes of the stored and the packed form', () => {
  expect(storedBytes({ codec: 'q8_0', rowCount: 2, columnCount: 64 })).toBe(2 * 2 * 34);
  expect(storedBytes({ codec: 'q4_0', rowCount: 2, columnCount: 64 })).toBe(2 * 2 * 18);
  expect(storedBytes({ codec: 'bf16', rowCount: 3, columnCount: 33 })).toBe(3 * 33 * 2);
  // Three scales of 2 bytes take a whole 16.
  expect(packedMatrixBytes({ codec: 'q8_0', rowCount: 1, columnCount: 96 })).toBe(96 + 16);
  expect(quantRegionBytes({ codec: 'q4_0', rowCount: 5, columnCount: 32 })).toBe(5 * 16);
  expect(packedMatrixBytes({ codec: 'f16', rowCount: 3, columnCount: 33 })).toBe(3 * 64 * 2);
});

test('matrices laid out one after the other do not overlap and begin on 16 bytes', () => {
  const shapes = SHAPES.map((shape, i) => [String(i), shape] as const);
  const { matrices, sizeBytes } = layOutMatrices(shapes);
  let end = 0;
  for (const [key, shape] of shapes) {
    expect(matrices[key]!.offsetBytes).toBe(end);
    expect(end % 16).toBe(0);
    end += packedMatrixBytes(shape);
  }
  expect(sizeBytes).toBe(end);
});

test('bytes of another matrix are our bug', () => {
  const shape: MatrixShape = { codec: 'q8_0', rowCount: 2, columnCount: 32 };
  expect(() => repackMatrix(shape, new Uint8Array(67), new Uint8Array(1000), 0)).toThrow(/assertion failed/);
  expect(() => repackMatrix(shape, new Uint8Array(68), new Uint8Array(packedMatrixBytes(shape) + 15), 16)).toThrow(/assertion failed/);
});
