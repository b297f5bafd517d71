// What an expert record holds and how it is made from the model file.

import { type PackedMatrix, layOutMatrices } from '../core/packed-weights';
import { roundUp } from '../core/units';
import { repackMatrix } from '../formats/repack';
import type { Source } from '../formats/source';
import type { ExpertStackRef, LayerSpec } from '../model/spec';

export interface ExpertLayout {
  readonly gate: PackedMatrix;
  readonly up: PackedMatrix;
  readonly down: PackedMatrix;
  /** Bytes of a record's payload. */
  readonly sizeBytes: number;
}

/** Slots begin on the binding alignment, so that a slot could be bound by itself. */
const SLOT_ALIGNMENT_BYTES = 256;

export function expertLayout({ moe }: LayerSpec): ExpertLayout {
  const shapeOf = ({ codec, rowCount, columnCount }: ExpertStackRef) => ({ codec, rowCount, columnCount });
  const { matrices, sizeBytes } = layOutMatrices([
    ['gate', shapeOf(moe.gate)],
    ['up', shapeOf(moe.up)],
    ['down', shapeOf(moe.down)],
  ]);
  return { ...matrices, sizeBytes };
}

export function slotBytesOf(layouts: readonly ExpertLayout[]): number {
  return roundUp(Math.max(...layouts.map(({ sizeBytes }) => sizeBytes)), SLOT_ALIGNMENT_BYTES);
}

/** Reads one expert from the model file (three ranges) and repacks it. */
export async function importExpert(source: Source, { moe }: LayerSpec, layout: ExpertLayout, expert: number, signal?: AbortSignal): Promise<Uint8Array> {
  const readStack = (stack: ExpertStackRef) => source.read(stack.offsetBytes + expert * stack.bytesPerExpert, stack.bytesPerExpert, signal);
  const [gate, up, down] = await Promise.all([readStack(moe.gate), readStack(moe.up), readStack(moe.down)]);
  const record = new Uint8Array(layout.sizeBytes);
  repackMatrix(layout.gate, gate, record, layout.gate.offsetBytes);
  repackMatrix(layout.up, up, record, layout.up.offsetBytes);
  repackMatrix(layout.down, down, record, layout.down.offsetBytes);
  return record;
}
