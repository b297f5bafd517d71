import type { Reference, ReferenceCall } from './call';
import { gated } from '../core/activation';
import { MISSING_SLOT } from '../core/control';
import { PackedMatrixReader, packedVector } from '../core/packed-block';

/** a[k, r] = gated(dot(G[r, :], m), dot(U[r, :], m)) for the k experts of one token; zeros for one without a slot. */
export const expertGateUp: Reference = (call) => {
  const { params, constants, f32, u32 } = call;
  const routes = u32('routes');
  const output = f32('output');
  for (let k = 0; k < constants['TOP_K']!; k++) {
    const slot = routes[params['routes_offset']! + k * 3 + 1]!;
    const start = k * params['output_stride']!;
    if (slot === MISSING_SLOT) output.fill(0, start, start + params['row_count']!);
    else output.set(gatedRows(call, slot, 0), start);
  }
};

/** The activated rows of the expert in a slot, for the input that begins at `inputOffset`. */
export function gatedRows({ params, constants, f32, bytes }: ReferenceCall, slot: number, inputOffset: number): Float32Array {
  const rowCount = params['row_count']!;
  const columnCount = params['column_count']!;
  const weights = bytes('weights');
  const base = slot * params['slot_words']!;
  const gate = new PackedMatrixReader(weights, constants['GATE_CODEC']!, base + params['gate_base']!, rowCount, columnCount);
  const up = new PackedMatrixReader(weights, constants['UP_CODEC']!, base + params['up_base']!, rowCount, columnCount);
  const hasBias = constants['HAS_BIAS'] === 1;
  const gateBias = hasBias ? packedVector(weights, base + params['gate_bias']!, rowCount) : undefined;
  const upBias = hasBias ? packedVector(weights, base + params['up_bias']!, rowCount) : undefined;
  const input = f32('input');
  return Float32Array.from({ length: rowCount }, (_, r) =>
    gated(constants['ACTIVATION']!, gate.dotRow(r, input, inputOffset) + (gateBias?.[r] ?? 0), up.dotRow(r, input, inputOffset) + (upBias?.[r] ?? 0)),
  );
}
