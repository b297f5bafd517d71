import type { Reference } from './call';
import { forEachActivePair } from './group';
import { PackedMatrixReader, packedVector } from '../core/packed-block';

/** y[pair, r] = dot(D_e[r, :], a[pair, :]) (+ b_e[r]) for every pair of the active experts. */
export const groupedDown: Reference = ({ params, constants, f32, u32, bytes }) => {
  const rowCount = params['row_count']!;
  const input = f32('input');
  const output = f32('output');
  forEachActivePair(params, u32('groups'), u32('slot_table'), u32('active_experts'), (slot, pairs) => {
    const base = slot * params['slot_words']! + params['down_base']!;
    const down = new PackedMatrixReader(bytes('weights'), constants['CODEC']!, base, rowCount, params['column_count']!);
    const bias = constants['HAS_BIAS'] === 1 ? packedVector(bytes('weights'), slot * params['slot_words']! + params['down_bias']!, rowCount) : undefined;
    for (const pair of pairs) {
      for (let r = 0; r < rowCount; r++) output[pair * params['output_stride']! + r] = down.dotRow(r, input, pair * params['input_stride']!) + (bias?.[r] ?? 0);
    }
  });
};
