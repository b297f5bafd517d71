import { ControlWord } from '../core/control';
import { type Reference, bitsToFloat } from './call';

/** x[t, c] += scale · Σ_k w[t, k] · y[pair, c], k in order. */
export const combine: Reference = ({ control, params, constants, f32, u32 }) => {
  const input = f32('input');
  const routes = u32('routes');
  const output = f32('output');
  const topK = constants['TOP_K']!;
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    for (let c = 0; c < params['row_count']!; c++) {
      let sum = 0;
      for (let k = 0; k < topK; k++) {
        const pair = t * topK + k;
        sum += bitsToFloat(routes[params['routes_offset']! + pair * 3 + 2]!) * input[pair * params['input_stride']! + c]!;
      }
      const at = t * params['output_stride']! + c;
      output[at] = output[at]! + sum * params['output_scale']!;
    }
  }
};
