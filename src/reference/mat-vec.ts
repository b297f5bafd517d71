import { ControlWord } from '../core/control';
import { type Reference, inverseRms } from './call';
import { StackedMatrices } from '../core/packed-block';

/** y[r] = (y[r] +) scale · (dot(W[r, :], n(x)) (+ bias[r])) for the last token of the batch. */
export const matVec: Reference = ({ control, params, constants, f32, bytes }) => {
  const stride = params['input_stride']!;
  const start = (control[ControlWord.tokenCount]! - 1) * stride;
  let x: Float32Array = f32('input').subarray(start, start + stride);
  if (constants['HAS_NORM'] === 1) {
    const gain = f32('gain');
    const scale = inverseRms(x, 0, stride, params['column_count']!, params['norm_eps']!);
    x = x.map((value, c) => value * gain[c]! * scale);
  }
  const matrices = new StackedMatrices(bytes('weights'), params, constants);
  const bias = constants['HAS_BIAS'] === 1 ? f32('bias') : undefined;
  const output = f32('output');
  const offset = params['output_offset']!;
  for (let r = 0; r < params['row_count']!; r++) {
    const y = (matrices.dotRow(r, x, 0) + (bias ? bias[offset + r]! : 0)) * params['output_scale']!;
    output[offset + r] = constants['ADD_RESIDUAL'] === 1 ? output[offset + r]! + y : y;
  }
};
