import { type Reference, bitsToFloat } from './call';
import { PackedMatrixReader } from '../core/packed-block';

/** x[r] += Σ_k w_k · dot(D_k[r, :], a[k, :]). */
export const expertDown: Reference = ({ params, constants, f32, u32, bytes }) => {
  const rowCount = params['row_count']!;
  const routes = u32('routes');
  const input = f32('input');
  const output = f32('output');
  const sums = new Float64Array(rowCount);
  for (let k = 0; k < constants['TOP_K']!; k++) {
    const at = params['routes_offset']! + k * 3;
    const base = routes[at + 1]! * params['slot_words']! + params['down_base']!;
    const down = new PackedMatrixReader(bytes('weights'), constants['CODEC']!, base, rowCount, params['column_count']!);
    const weight = bitsToFloat(routes[at + 2]!);
    for (let r = 0; r < rowCount; r++) sums[r] = sums[r]! + weight * down.dotRow(r, input, k * params['input_stride']!);
  }
  for (let r = 0; r < rowCount; r++) output[r] = output[r]! + sums[r]!;
};
