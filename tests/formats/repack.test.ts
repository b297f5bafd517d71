// What is read from packed weights is what the file's blocks say, bit for bit, for every codec: repacking moves values and changes none.

import { describe, expect, test } from 'vitest';
import { PackedMatrixReader } from '../../src/core/packed-block';
import { BLOCK_SIZE, CODEC_IDS, CODEC_NAMES, type MatrixShape, blocksPerRow, columnMultiple, packedMatrixBytes } from '../../src/core/packed-weights';
import { Random } from '../../src/core/random';
import { repackMatrix, storedBytes } from '../../src/formats/repack';
import { decodeStored, storedBlockSize } from '../support/gguf-decode';
import { NORMAL, SUBNORMAL, randomBlocks } from '../support/random-blocks';

const GAP = 32;

describe.each(CODEC_NAMES)('%s', (codec) => {
  const shapes: MatrixShape[] = [1, 7].flatMap((rowCount) => [1, 3].map((units) => ({ codec, rowCount, columnCount: units * columnMultiple(codec) })));

  test.each(shapes)('$rowCount rows of $columnCount columns', (shape) => {
    for (const filling of [NORMAL, SUBNORMAL]) {
      const { stored, values, expected } = matrixOf(shape, filling);
      expect(stored.byteLength).toBe(storedBytes(shape));
      // In the middle of a target whose other bytes are left alone, from bytes that start at any place of their buffer.
      for (const skip of [0, 1, 2]) {
        const shifted = new Uint8Array(stored.byteLength + skip);
        shifted.set(stored, skip);
        const target = new Uint8Array(GAP + packedMatrixBytes(shape) + GAP).fill(0xa5);
        repackMatrix(shape, shifted.subarray(skip), target, GAP);
        expect(bitsOf(readAll(shape, target))).toEqual(bitsOf(expected));
        expect([...target.subarray(0, GAP), ...target.subarray(-GAP)].every((byte) => byte === 0xa5)).toBe(true);
      }
      expect(values.length).toBe(shape.rowCount * shape.columnCount);
    }
  });

  test('takes at most 2 % more than in the file', () => {
    const shape = { codec, rowCount: 64, columnCount: 1024 };
    expect(packedMatrixBytes(shape)).toBeLessThanOrEqual(storedBytes(shape) * 1.02);
  });

  test('rows that are not of whole blocks', () => {
    const shape = { codec, rowCount: 3, columnCount: columnMultiple(codec) + 4 };
    if (storedBlockSize(codec) > 1) {
      expect(() => storedBytes(shape)).toThrow(/columns cannot be/);
      return;
    }
    // Plain numbers may have any length: the rest of the last block is zero.
    const { stored, expected } = matrixOf(shape, NORMAL);
    const target = new Uint8Array(GAP + packedMatrixBytes(shape));
    repackMatrix(shape, stored, target, GAP);
    expect(bitsOf(readAll(shape, target))).toEqual(bitsOf(expected));
  });
});

test('sizes of the stored and the packed form', () => {
  expect(storedBytes({ codec: 'q8_0', rowCount: 2, columnCount: 64 })).toBe(2 * 2 * 34);
  expect(storedBytes({ codec: 'q4_k', rowCount: 2, columnCount: 512 })).toBe(2 * 2 * 144);
  expect(storedBytes({ codec: 'bf16', rowCount: 3, columnCount: 33 })).toBe(3 * 33 * 2);
  // Three scales of 2 bytes take a whole 16.
  expect(packedMatrixBytes({ codec: 'q8_0', rowCount: 1, columnCount: 96 })).toBe(96 + 16);
  expect(packedMatrixBytes({ codec: 'f16', rowCount: 3, columnCount: 33 })).toBe(3 * 64 * 2);
});

test('bytes of another matrix are our bug', () => {
  const shape: MatrixShape = { codec: 'q8_0', rowCount: 2, columnCount: 32 };
  expect(() => repackMatrix(shape, new Uint8Array(67), new Uint8Array(1000), 0)).toThrow(/assertion failed/);
  expect(() => repackMatrix(shape, new Uint8Array(68), new Uint8Array(packedMatrixBytes(shape) + 15), 16)).toThrow(/assertion failed/);
});

/** Random blocks, their weights, and the same with each row padded with zeros to whole blocks of 32. */
function matrixOf({ codec, rowCount, columnCount }: MatrixShape, filling: typeof NORMAL) {
  const stored = randomBlocks(new Random(CODEC_IDS[codec]), codec, (rowCount * columnCount) / storedBlockSize(codec), filling);
  const values = decodeStored(codec, stored);
  const stride = blocksPerRow(columnCount) * BLOCK_SIZE;
  const expected = new Float32Array(rowCount * stride);
  for (let row = 0; row < rowCount; row++) expected.set(values.subarray(row * columnCount, (row + 1) * columnCount), row * stride);
  return { stored, values, expected };
}

function readAll({ codec, rowCount, columnCount }: MatrixShape, target: Uint8Array): Float32Array {
  const reader = new PackedMatrixReader(target, CODEC_IDS[codec], GAP / 16, rowCount, columnCount);
  const blockCount = blocksPerRow(columnCount);
  const values = new Float32Array(rowCount * blockCount * BLOCK_SIZE);
  for (let i = 0; i < rowCount * blockCount; i++) {
    reader.readBlock(Math.floor(i / blockCount), i % blockCount, values.subarray(i * BLOCK_SIZE, (i + 1) * BLOCK_SIZE));
  }
  return values;
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}
