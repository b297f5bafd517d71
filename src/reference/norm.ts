import { ControlWord } from '../core/control';
import { type Reference, inverseRms } from './call';

/** y[t, c] = x[t, c] · gain[c] / sqrt(mean(x²) + eps) (+ bias[c]); a copy when IS_COPY. */
export const norm: Reference = ({ control, params, constants, f32 }) => {
  const input = f32('input');
  const gain = f32('gain');
  const output = f32('output');
  const stride = params['stride']!;
  const isCopy = constants['IS_COPY'] === 1;
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const scale = inverseRms(input, t * stride, stride, params['column_count']!, params['norm_eps']!);
    for (let c = 0; c < stride; c++) {
      const x = input[t * stride + c]!;
      const bias = constants['HAS_BIAS'] === 1 ? gain[stride + c]! : 0;
      output[t * stride + c] = isCopy ? x : x * gain[c]! * scale + bias;
    }
  }
};
