import { describe, expect, test } from 'vitest';
import {
  BLOCK_SIZE,
  CODEC_IDS,
  CODEC_NAMES,
  type CodecName,
  PACKED_REGIONS,
  columnMultiple,
  layOutMatrices,
  packedMatrixBytes,
  regionOffsets,
} from '../../src/core/packed-weights';
import { roundUp } from '../../src/core/units';
import { Random } from '../../src/core/random';
import { PackedMatrixReader } from '../../src/core/packed-block';
import { storedBlockSize } from '../support/gguf-decode';
import { packMatrix } from '../support/pack-matrix';

test.each([
  ['f32', 128],
  ['q8_0', 32 + 2],
  ['q5_1', 16 + 4 + 4],
  ['mxfp4', 16 + 1],
] as const)('%s: each region of a block (%i bytes) is padded to 16', (codec, blockBytes) => {
  const regionCount = PACKED_REGIONS[codec].length;
  // One block; eight blocks, of which every region fills whole words.
  expect(packedMatrixBytes({ codec, rowCount: 1, columnCount: 32 })).toBe(roundUp(PACKED_REGIONS[codec][0]!.unitBytes, 16) + (regionCount - 1) * 16);
  expect(packedMatrixBytes({ codec, rowCount: 16, columnCount: 32 })).toBe(16 * blockBytes);
  // Columns that fill no block take a whole one.
  expect(packedMatrixBytes({ codec, rowCount: 3, columnCount: 33 })).toBe(packedMatrixBytes({ codec, rowCount: 3, columnCount: 64 }));
});

test('regions follow one another on 16-byte borders', () => {
  for (const codec of CODEC_NAMES) {
    const offsets = regionOffsets({ codec, rowCount: 3, columnCount: 256 });
    expect(offsets.length).toBe(PACKED_REGIONS[codec].length + 1);
    PACKED_REGIONS[codec].forEach(({ unitColumns, unitBytes }, i) => {
      expect(offsets[i]! % 16).toBe(0);
      expect(offsets[i + 1]! - offsets[i]!).toBe(roundUp((3 * 256 * unitBytes) / unitColumns, 16));
    });
  }
});

test('rows of part of a superblock are a mistake of ours', () => {
  expect(() => packedMatrixBytes({ codec: 'q4_k', rowCount: 8, columnCount: 96 })).toThrow('rows of 96 columns cannot be q4_k');
});

test('matrices follow one another on 16-byte borders, without gaps', () => {
  const shapes = CODEC_NAMES.map((codec) => [codec, { codec, rowCount: 5, columnCount: columnsOf(codec, 36) }] as const);
  const { matrices, sizeBytes } = layOutMatrices(shapes);
  let end = 0;
  for (const codec of CODEC_NAMES) {
    expect(matrices[codec].offsetBytes).toBe(end);
    expect(end % 16).toBe(0);
    end += packedMatrixBytes(matrices[codec]);
  }
  expect(sizeBytes).toBe(end);
});

describe('what the test encoder packs, the reader of the CPU backend reads', () => {
  /** Largest error of a weight in [-1, 1): half a step of the codec's grid, or how far its shorter end is from 1, and what rounding the scales adds. */
  const ERRORS: Readonly<Record<CodecName, number>> = {
    f32: 0,
    f16: 2 ** -12,
    bf16: 2 ** -9,
    q8_0: 0.5 / 127 + 2 ** -11,
    q4_0: 1 / 8 + 2 ** -8,
    q4_1: 1 / 15 + 2 ** -10,
    q5_0: 1 / 16 + 2 ** -9,
    q5_1: 1 / 31 + 2 ** -10,
    q2_k: 1 / 3 + 3 / 45 + 1 / 30 + 2 ** -9,
    q3_k: 1 / 4 + 1 / 62 + 2 ** -9,
    q4_k: 1 / 15 + 1 / 63 + 1 / 126 + 2 ** -9,
    q5_k: 1 / 31 + 1 / 63 + 1 / 126 + 2 ** -9,
    q6_k: 1 / 32 + 1 / 254 + 2 ** -9,
    iq4_nl: 14 / 127 + 2 ** -9,
    iq4_xs: 14 / 127 + 1 / 62 + 2 ** -9,
    mxfp4: 1 / 4,
    tq1_0: 1 / 2 + 2 ** -10,
    tq2_0: 1 / 2 + 2 ** -10,
  };

  test.each(CODEC_NAMES)('%s', (codec) => {
    const columnCount = columnsOf(codec, 50);
    const stride = roundUp(columnCount, BLOCK_SIZE);
    const shape = { codec, rowCount: 7, columnCount };
    const random = new Random(CODEC_IDS[codec]);
    const values = Float32Array.from({ length: 7 * columnCount }, () => random.float(-1, 1));
    values.fill(0, columnCount, columnCount + 32); // one block of zeros: its scale is zero
    const packed = packMatrix(shape, values);
    expect(packed.byteLength).toBe(packedMatrixBytes(shape));
    // Two words before, so that a base that is not applied shows.
    const bytes = new Uint8Array(32 + packed.byteLength);
    bytes.set(packed, 32);
    const reader = new PackedMatrixReader(bytes, CODEC_IDS[codec], 2, 7, columnCount);
    const row = new Float32Array(stride);
    for (let r = 0; r < 7; r++) {
      for (let b = 0; b < stride / 32; b++) reader.readBlock(r, b, row.subarray(b * 32, b * 32 + 32));
      for (let c = 0; c < columnCount; c++) expect(Math.abs(row[c]! - values[r * columnCount + c]!)).toBeLessThanOrEqual(ERRORS[codec]);
      expect([...row.subarray(columnCount)].every((padding) => padding === 0)).toBe(true);
    }
  });
});

/** Some rows that fill no block, where the format has such, and whole superblocks where it has those. */
function columnsOf(codec: CodecName, columnCount: number): number {
  return storedBlockSize(codec) === 1 ? columnCount : columnMultiple(codec) * 2;
}
