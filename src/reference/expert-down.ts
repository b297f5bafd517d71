import { type Reference, bitsToFloat } from './call';
import { MISSING_SLOT } from '../core/control';
import { PackedMatrixReader, packedVector } from '../core/packed-block';

/** x[r] += scale · Σ_k w_k · (dot(D_k[r, :], a[k, :]) (+ b_k[r])), over the experts that have a slot. */
export const expertDown: Reference = ({ params, constants, f32, u32, bytes }) => {
  const rowCount = params['row_count']!;
  const routes = u32('routes');
  const input = f32('input');
  const output = f32('output');
  const sums = new Float64Array(rowCount);
  for (let k = 0; k < constants['TOP_K']!; k++) {
    const at = params['routes_offset']! + k * 3;
    if (routes[at + 1] === MISSING_SLOT) continue;
    const base = routes[at + 1]! * params['slot_words']! + params['down_base']!;
    const down = new PackedMatrixReader(bytes('weights'), constants['CODEC']!, base, rowCount, params['column_count']!);
    const bias =
      constants['HAS_BIAS'] === 1 ? packedVector(bytes('weights'), routes[at + 1]! * params['slot_words']! + params['down_bias']!, rowCount) : undefined;
    const weight = bitsToFloat(routes[at + 2]!);
    for (let r = 0; r < rowCount; r++) sums[r] = sums[r]! + weight * (down.dotRow(r, input, k * params['input_stride']!) + (bias?.[r] ?? 0));
  }
  for (let r = 0; r < rowCount; r++) output[r] = output[r]! + sums[r]! * params['output_scale']!;
};
