import { ControlWord } from '../core/control';
import type { Reference } from './call';

/** u[p] = b · x; y[t] = c · Σ_j taps[j] · u[p − taps + 1 + j]. */
export const shortConvolution: Reference = ({ control, params, f32 }) => {
  const columnCount = params['column_count']!;
  const tapCount = params['tap_count']!;
  const input = f32('input');
  const taps = f32('taps');
  const cache = f32('cache');
  const output = f32('output');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const position = control[ControlWord.position]! + t;
    const at = t * params['input_stride']!;
    for (let c = 0; c < columnCount; c++) {
      cache[position * columnCount + c] = input[at + c]! * input[at + 2 * columnCount + c]!;
      let sum = 0;
      for (let j = 0; j < tapCount; j++) {
        const from = position - (tapCount - 1 - j);
        if (from >= 0) sum += taps[c * tapCount + j]! * cache[from * columnCount + c]!;
      }
      output[t * params['output_stride']! + c] = sum * input[at + columnCount + c]!;
    }
  }
};
