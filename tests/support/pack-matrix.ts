// Encodes f32 matrices into each codec's packed layout (src/core/packed-weights.ts), for tests: what the importer does to a file's blocks, done here from
// numbers, by another hand. Quantisation follows GGUF: Q8_0 scale max|x| / 127, Q4_0 scale (x of largest |x|) / -8.

import { encodeBfloat16, encodeHalf, halfTable } from '../../src/core/half';
import { BLOCK_SIZE, type CodecName, type MatrixShape, PACKED_CODECS, blocksPerRow, packedMatrixBytes, quantRegionBytes } from '../../src/core/packed-weights';
import type { Random } from '../../src/core/random';

/** Fills what lies between matrices: a kernel that reads it by mistake gets NaN from every codec. */
const GAP_BYTE = 0xff;
/** Before each matrix, so that no base is zero. */
const GAP_BYTES = 48;

type BlockEncoder = (block: Float32Array, view: DataView, at: number, scaleAt: number) => void;

const ENCODERS: Readonly<Record<CodecName, BlockEncoder>> = {
  f32: (block, view, at) => block.forEach((x, i) => view.setFloat32(at + i * 4, x, true)),
  f16: (block, view, at) => block.forEach((x, i) => view.setUint16(at + i * 2, encodeHalf(x), true)),
  bf16: (block, view, at) => block.forEach((x, i) => view.setUint16(at + i * 2, encodeBfloat16(x), true)),
  q8_0: (block, view, at, scaleAt) => {
    const scale = writeScale(view, scaleAt, Math.max(...block.map(Math.abs)) / 127);
    block.forEach((x, i) => view.setInt8(at + i, scale === 0 ? 0 : clamp(Math.round(x / scale), -127, 127)));
  },
  q4_0: (block, view, at, scaleAt) => {
    const extreme = block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
    const scale = writeScale(view, scaleAt, extreme / -8);
    const quant = (x: number) => (scale === 0 ? 8 : clamp(Math.round(x / scale) + 8, 0, 15));
    for (let i = 0; i < 16; i++) view.setUint8(at + i, quant(block[i]!) | (quant(block[i + 16]!) << 4));
  },
};

/** The scale as a half, and what it decodes to. */
function writeScale(view: DataView, at: number, scale: number): number {
  const bits = encodeHalf(scale);
  view.setUint16(at, bits, true);
  return halfTable()[bits]!;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** `values` [row, column] without padding → the packed bytes; columns are padded with zeros to whole blocks. */
export function packMatrix({ codec, rowCount, columnCount }: MatrixShape, values: Float32Array): Uint8Array<ArrayBuffer> {
  const shape = { codec, rowCount, columnCount };
  const bytes = new Uint8Array(packedMatrixBytes(shape));
  const view = new DataView(bytes.buffer);
  const { quantBytes, scaleBytes } = PACKED_CODECS[codec];
  const blockCount = blocksPerRow(columnCount);
  const block = new Float32Array(BLOCK_SIZE);
  for (let index = 0; index < rowCount * blockCount; index++) {
    const row = Math.floor(index / blockCount);
    const firstColumn = (index % blockCount) * BLOCK_SIZE;
    block.fill(0).set(values.subarray(row * columnCount + firstColumn, row * columnCount + Math.min(firstColumn + BLOCK_SIZE, columnCount)));
    ENCODERS[codec](block, view, index * quantBytes, quantRegionBytes(shape) + index * scaleBytes);
  }
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
