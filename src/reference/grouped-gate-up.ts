import { type Reference, silu } from './call';
import { forEachActivePair } from './group';
import { PackedMatrixReader } from '../core/packed-block';

/** a[pair, r] = silu(dot(G_e[r, :], m[t, :])) · dot(U_e[r, :], m[t, :]) for every pair of the active experts. */
export const groupedGateUp: Reference = ({ params, constants, f32, u32, bytes }) => {
  const rowCount = params['row_count']!;
  const columnCount = params['column_count']!;
  const input = f32('input');
  const output = f32('output');
  forEachActivePair(params, u32('groups'), u32('slot_table'), u32('active_experts'), (slot, pairs) => {
    const base = slot * params['slot_words']!;
    const gate = new PackedMatrixReader(bytes('weights'), constants['GATE_CODEC']!, base + params['gate_base']!, rowCount, columnCount);
    const up = new PackedMatrixReader(bytes('weights'), constants['UP_CODEC']!, base + params['up_base']!, rowCount, columnCount);
    for (const pair of pairs) {
      const x = Math.floor(pair / constants['TOP_K']!) * params['input_stride']!;
      for (let r = 0; r < rowCount; r++) output[pair * params['output_stride']! + r] = silu(gate.dotRow(r, input, x)) * up.dotRow(r, input, x);
    }
  });
};
