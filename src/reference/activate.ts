import { gated, sigmoid } from '../core/activation';
import { ControlWord } from '../core/control';
import type { Reference } from './call';

/** a[t, r] = gated(x[t, r], x[t, n + r]) (· sigmoid(x[t, 2n])). */
export const activate: Reference = ({ control, params, constants, f32 }) => {
  const rowCount = params['row_count']!;
  const input = f32('input');
  const output = f32('output');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const base = t * params['input_stride']!;
    const share = constants['HAS_GATE'] === 1 ? sigmoid(input[base + 2 * rowCount]!) : 1;
    for (let r = 0; r < rowCount; r++) {
      output[t * params['output_stride']! + r] = gated(constants['ACTIVATION']!, input[base + r]!, input[base + rowCount + r]!) * share;
    }
  }
};
