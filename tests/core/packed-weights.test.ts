import { describe, expect, test } from 'vitest';
import { CODEC_IDS, CODEC_NAMES, layOutMatrices, packedMatrixBytes, quantRegionBytes } from '../../src/core/packed-weights';
import { Random } from '../../src/core/random';
import { PackedMatrixReader } from '../../src/core/packed-block';
import { packMatrix } from '../support/pack-matrix';

test.each([
  ['f32', 128, 0],
  ['f16', 64, 0],
  ['bf16', 64, 0],
  ['q8_0', 32, 16],
  ['q4_0', 16, 16],
] as const)('%s: a block is %i bytes, its scale region is padded to 16', (codec, quantBytes, scaleRegionBytes) => {
  expect(quantRegionBytes({ codec, rowCount: 3, columnCount: 64 })).toBe(6 * quantBytes);
  expect(packedMatrixBytes({ codec, rowCount: 1, columnCount: 32 })).toBe(quantBytes + scaleRegionBytes);
  // Columns that fill no block take a whole one.
  expect(packedMatrixBytes({ codec, rowCount: 3, columnCount: 33 })).toBe(packedMatrixBytes({ codec, rowCount: 3, columnCount: 64 }));
});

test('matrices follow one another on 16-byte borders, without gaps', () => {
  const shapes = CODEC_NAMES.map((codec) => [codec, { codec, rowCount: 5, columnCount: 36 }] as const);
  const { matrices, sizeBytes } = layOutMatrices(shapes);
  let end = 0;
  for (const codec of CODEC_NAMES) {
    expect(matrices[codec].offsetBytes).toBe(end);
    expect(end % 16).toBe(0);
    end += packedMatrixBytes(matrices[codec]);
  }
  expect(sizeBytes).toBe(end);
});

// The test encoder and the reader of the CPU backend know the layout apart from one another.
describe('what the test encoder packs, the reader of the CPU backend reads', () => {
  /** Largest error of a weight in [-1, 1): half a step of the codec's grid. */
  const ERRORS = { f32: 0, f16: 2 ** -12, bf16: 2 ** -9, q8_0: 0.5 / 127 + 2 ** -11, q4_0: 1 / 8 + 2 ** -8 } as const;

  test.each(CODEC_NAMES)('%s', (codec) => {
    const shape = { codec, rowCount: 7, columnCount: 50 };
    const random = new Random(CODEC_IDS[codec]);
    const values = Float32Array.from({ length: 7 * 50 }, () => random.float(-1, 1));
    values.fill(0, 50, 82); // one block of zeros: its scale is zero
    const packed = packMatrix(shape, values);
    expect(packed.byteLength).toBe(packedMatrixBytes(shape));
    // Two words before, so that a base that is not applied shows.
    const bytes = new Uint8Array(32 + packed.byteLength);
    bytes.set(packed, 32);
    const reader = new PackedMatrixReader(bytes, CODEC_IDS[codec], 2, 7, 50);
    const row = new Float32Array(64);
    for (let r = 0; r < 7; r++) {
      reader.readBlock(r, 0, row.subarray(0, 32));
      reader.readBlock(r, 1, row.subarray(32));
      for (let c = 0; c < 50; c++) expect(Math.abs(row[c]! - values[r * 50 + c]!)).toBeLessThanOrEqual(ERRORS[codec]);
      expect([...row.subarray(50)].every((padding) => padding === 0)).toBe(true);
    }
  });
});
