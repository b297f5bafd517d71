import { ControlWord } from '../core/control';
import { type Reference, inverseRms } from './call';

/** y[t, c] = x[t, c] · gain[c] / sqrt(mean(x²) + eps). */
export const rmsNorm: Reference = ({ control, params, f32 }) => {
  const input = f32('input');
  const gain = f32('gain');
  const output = f32('output');
  const stride = params['stride']!;
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const scale = inverseRms(input, t * stride, stride, params['column_count']!, params['norm_eps']!);
    for (let c = 0; c < stride; c++) output[t * stride + c] = input[t * stride + c]! * gain[c]! * scale;
  }
};
