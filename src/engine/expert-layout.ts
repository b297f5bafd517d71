// What an expert record holds and how it is made from the model file.

import { CODEC_IDS, type PackedMatrix, layOutMatrices, packedMatrixBytes } from '../core/packed-weights';
import { PackedMatrixReader } from '../core/packed-block';
import { roundUp } from '../core/units';
import { repackMatrix } from '../formats/repack';
import type { Source } from '../formats/source';
import type { ExpertStackRef, LayerSpec, MoeSpec, TensorRef } from '../model/spec';

export interface ExpertLayout {
  readonly gate: PackedMatrix;
  readonly up: PackedMatrix;
  readonly down: PackedMatrix;
  /** Where the bias vectors are, in f32; undefined when the experts have none. */
  readonly biasOffsets?: { readonly gate: number; readonly up: number; readonly down: number };
  /** Bytes of a record's payload. */
  readonly sizeBytes: number;
}

/** Slots begin on the binding alignment, so that a slot could be bound by itself. */
const SLOT_ALIGNMENT_BYTES = 256;

export function expertLayout({ ffn }: LayerSpec & { readonly ffn: MoeSpec }): ExpertLayout {
  const shapeOf = ({ codec, rowCount, columnCount }: ExpertStackRef) => ({ codec, rowCount, columnCount });
  const { matrices, sizeBytes } = layOutMatrices([
    ['gate', shapeOf(ffn.gate)],
    ['up', shapeOf(ffn.up)],
    ['down', shapeOf(ffn.down)],
  ]);
  if (!ffn.gate.bias && !ffn.up.bias && !ffn.down.bias) return { ...matrices, sizeBytes };
  const biasBytes = ({ rowCount }: ExpertStackRef) => roundUp(rowCount * 4, 16);
  const gate = sizeBytes;
  const up = gate + biasBytes(ffn.gate);
  const down = up + biasBytes(ffn.up);
  return { ...matrices, biasOffsets: { gate, up, down }, sizeBytes: down + biasBytes(ffn.down) };
}

/** 0 for a model without experts. */
export function slotBytesOf(layouts: readonly ExpertLayout[]): number {
  return roundUp(Math.max(0, ...layouts.map(({ sizeBytes }) => sizeBytes)), SLOT_ALIGNMENT_BYTES);
}

/** Reads one expert from the model file (a range for each tensor, all at once) and repacks it. */
export async function importExpert(
  source: Source,
  { ffn }: { readonly ffn: MoeSpec },
  layout: ExpertLayout,
  expert: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const record = new Uint8Array(layout.sizeBytes);
  const parts = ['gate', 'up', 'down'] as const;
  await Promise.all(
    parts.map(async (part) => {
      const stack = ffn[part];
      const [stored, bias] = await Promise.all([
        source.read(stack.offsetBytes + expert * stack.strideBytes, stack.bytesPerExpert, signal),
        stack.bias && readRow(source, stack.bias, expert, signal),
      ]);
      repackMatrix(layout[part], stored, record, layout[part].offsetBytes);
      if (bias && layout.biasOffsets) record.set(new Uint8Array(bias.buffer), layout.biasOffsets[part]);
    }),
  );
  return record;
}

async function readRow(source: Source, ref: TensorRef, row: number, signal: AbortSignal | undefined): Promise<Float32Array<ArrayBuffer>> {
  const rowBytes = ref.sizeBytes / ref.rowCount;
  return expandRows({ ...ref, rowCount: 1 }, await source.read(ref.offsetBytes + row * rowBytes, rowBytes, signal), ref.columnCount);
}

/** Stored rows of any codec as f32 rows of `stride` columns; what is beyond the columns is zero. */
export function expandRows(ref: Pick<TensorRef, 'codec' | 'rowCount' | 'columnCount'>, stored: Uint8Array, stride: number): Float32Array<ArrayBuffer> {
  const shape = { codec: ref.codec, rowCount: ref.rowCount, columnCount: ref.columnCount };
  const packed = new Uint8Array(packedMatrixBytes(shape));
  repackMatrix(shape, stored, packed, 0);
  const reader = new PackedMatrixReader(packed, CODEC_IDS[ref.codec], 0, ref.rowCount, ref.columnCount);
  const block = new Float32Array(32);
  const rows = new Float32Array(ref.rowCount * stride);
  for (let r = 0; r < ref.rowCount; r++) {
    for (let c = 0; c < ref.columnCount; c += block.length) {
      reader.readBlock(r, c / block.length, block);
      rows.set(block.subarray(0, Math.min(block.length, ref.columnCount - c)), r * stride + c);
    }
  }
  return rows;
}
