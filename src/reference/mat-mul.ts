import { ControlWord } from '../core/control';
import type { Reference } from './call';
import { StackedMatrices } from '../core/packed-block';

/** y[t, r] = (y[t, r] +) scale · (dot(W[r, :], x[t, :]) (+ bias[r])). */
export const matMul: Reference = ({ control, params, constants, f32, bytes }) => {
  const matrices = new StackedMatrices(bytes('weights'), params, constants);
  const input = f32('input');
  const bias = constants['HAS_BIAS'] === 1 ? f32('bias') : undefined;
  const output = f32('output');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    for (let r = 0; r < params['row_count']!; r++) {
      const y = (matrices.dotRow(r, input, t * params['input_stride']!) + (bias ? bias[r]! : 0)) * params['output_scale']!;
      const at = t * params['output_stride']! + r;
      output[at] = constants['ADD_RESIDUAL'] === 1 ? output[at]! + y : y;
    }
  }
};
