// f32 matrices in each codec's packed layout, as the importer makes it (src/formats/repack.ts) from the blocks that tests/support/gguf-quantize.ts writes.

import { type MatrixShape, packedMatrixBytes } from '../../src/core/packed-weights';
import type { Random } from '../../src/core/random';
import { roundUp } from '../../src/core/units';
import { repackMatrix } from '../../src/formats/repack';
import { storedBlockSize } from './gguf-decode';
import { encodeGguf } from './gguf-quantize';

/** Fills what lies between matrices: a kernel that reads it by mistake gets NaN, or numbers too large to hide. */
const GAP_BYTE = 0xff;
/** Before each matrix, so that no base is zero. */
const GAP_BYTES = 48;

/** `values` [row, column] without padding → the packed bytes; columns are padded with zeros to whole blocks. */
export function packMatrix({ codec, rowCount, columnCount }: MatrixShape, values: Float32Array): Uint8Array<ArrayBuffer> {
  const shape = { codec, rowCount, columnCount: roundUp(columnCount, storedBlockSize(codec)) };
  const padded = new Float32Array(rowCount * shape.columnCount);
  for (let row = 0; row < rowCount; row++) padded.set(values.subarray(row * columnCount, (row + 1) * columnCount), row * shape.columnCount);
  const bytes = new Uint8Array(packedMatrixBytes(shape));
  repackMatrix(shape, encodeGguf(codec)(padded, shape.columnCount), bytes, 0);
  return bytes;
}

export interface PackedWeights {
  readonly data: Uint8Array<ArrayBuffer>;
  /** Where each matrix starts, in 16-byte words. */
  readonly bases: readonly number[];
}

/** Random matrices with weights in [-1, 1), one after the other with gaps. */
export function packRandomMatrices(random: Random, shapes: readonly MatrixShape[]): PackedWeights {
  const bases: number[] = [];
  let sizeBytes = 0;
  for (const shape of shapes) {
    bases.push((sizeBytes + GAP_BYTES) / 16);
    sizeBytes += GAP_BYTES + packedMatrixBytes(shape);
  }
  const data = new Uint8Array(sizeBytes).fill(GAP_BYTE);
  shapes.forEach((shape, i) => {
    const values = Float32Array.from({ length: shape.rowCount * shape.columnCount }, () => random.float(-1, 1));
    data.set(packMatrix(shape, values), bases[i]! * 16);
  });
  return { data, bases };
}

export interface PackedSlab extends PackedWeights {
  /** From one slot to the next, in 16-byte words. */
  readonly slotWords: number;
}

/** Slots that each hold random matrices of the same shapes; `bases` are within a slot. */
export function packRandomSlab(random: Random, slotCount: number, shapes: readonly MatrixShape[]): PackedSlab {
  const slots = Array.from({ length: slotCount }, () => packRandomMatrices(random, shapes));
  const slotBytes = slots[0]!.data.length;
  const data = new Uint8Array(slotCount * slotBytes);
  slots.forEach((slot, i) => data.set(slot.data, i * slotBytes));
  return { data, bases: slots[0]!.bases, slotWords: slotBytes / 16 };
}
