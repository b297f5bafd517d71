// From GGUF blocks to packed weights (src/core/packed-weights.ts). GGUF keeps a block's scale beside its quants (34 or 18 bytes, unaligned); packed weights keep
// them apart. Values are moved, never changed. Block layouts: ggml-common.h in the GGUF specification's reference implementation.

import { assert } from '../core/assert';
import { BLOCK_SIZE, type CodecName, type MatrixShape, PACKED_CODECS, blocksPerRow, packedMatrixBytes, quantRegionBytes } from '../core/packed-weights';

/** Bytes of one element, for codecs without blocks. */
const ELEMENT_BYTES: Partial<Record<CodecName, number>> = { f32: 4, f16: 2, bf16: 2 };

/** Bytes of rows as GGUF stores them. */
export function storedBytes({ codec, rowCount, columnCount }: MatrixShape): number {
  const elementBytes = ELEMENT_BYTES[codec];
  if (elementBytes) return rowCount * columnCount * elementBytes;
  return rowCount * blocksPerRow(columnCount) * (PACKED_CODECS[codec].quantBytes + PACKED_CODECS[codec].scaleBytes);
}

/** Writes the packed form of `stored` (GGUF bytes of exactly this matrix) into `target` at `offsetBytes`. */
export function repackMatrix(shape: MatrixShape, stored: Uint8Array, target: Uint8Array, offsetBytes: number): void {
  assert(stored.byteLength === storedBytes(shape), 'stored bytes of another matrix');
  assert(offsetBytes + packedMatrixBytes(shape) <= target.byteLength, 'packed matrix outside its target');
  const { rowCount, columnCount, codec } = shape;
  const blockCount = blocksPerRow(columnCount);
  const elementBytes = ELEMENT_BYTES[codec];
  if (elementBytes) {
    const rowBytes = columnCount * elementBytes;
    const packedRowBytes = blockCount * BLOCK_SIZE * elementBytes;
    if (rowBytes === packedRowBytes) {
      target.set(stored, offsetBytes);
    } else {
      for (let row = 0; row < rowCount; row++) target.set(stored.subarray(row * rowBytes, (row + 1) * rowBytes), offsetBytes + row * packedRowBytes);
    }
    return;
  }
  // Quantised blocks begin with their f16 scale.
  const { quantBytes, scaleBytes } = PACKED_CODECS[codec];
  const storedBlockBytes = quantBytes + scaleBytes;
  const scalesAt = offsetBytes + quantRegionBytes(shape);
  for (let block = 0; block < rowCount * blockCount; block++) {
    const from = block * storedBlockBytes;
    target[scalesAt + block * 2] = stored[from]!;
    target[scalesAt + block * 2 + 1] = stored[from + 1]!;
    target.set(stored.subarray(from + scaleBytes, from + storedBlockBytes), offsetBytes + block * quantBytes);
  }
}
