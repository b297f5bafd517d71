import { type Reference, silu } from './call';
import { PackedMatrixReader } from '../core/packed-block';

/** a[k, r] = silu(dot(G[r, :], m)) · dot(U[r, :], m) for the k experts of one token. */
export const expertGateUp: Reference = ({ params, constants, f32, u32, bytes }) => {
  const rowCount = params['row_count']!;
  const columnCount = params['column_count']!;
  const routes = u32('routes');
  const input = f32('input');
  const output = f32('output');
  for (let k = 0; k < constants['TOP_K']!; k++) {
    const slotBase = routes[params['routes_offset']! + k * 3 + 1]! * params['slot_words']!;
    const gate = new PackedMatrixReader(bytes('weights'), constants['GATE_CODEC']!, slotBase + params['gate_base']!, rowCount, columnCount);
    const up = new PackedMatrixReader(bytes('weights'), constants['UP_CODEC']!, slotBase + params['up_base']!, rowCount, columnCount);
    for (let r = 0; r < rowCount; r++) output[k * params['output_stride']! + r] = silu(gate.dotRow(r, input, 0)) * up.dotRow(r, input, 0);
  }
};
