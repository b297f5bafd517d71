import { ControlWord } from '../core/control';
import type { Reference } from './call';

/** o[t, h, :] = Σ_p softmax_p(q · k_p · scale) v_p over the positions that t sees; a sink takes part in the softmax and has no value. */
export const attention: Reference = ({ control, params, constants, f32 }) => {
  const headCount = params['head_count']!;
  const kvHeadCount = params['kv_head_count']!;
  const size = params['head_size']!;
  const valueSize = params['value_size']!;
  const query = f32('query');
  const keys = f32('key_cache');
  const values = f32('value_cache');
  const sinks = constants['HAS_SINKS'] === 1 ? f32('sinks') : undefined;
  const output = f32('output');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const context = control[ControlWord.position]! + t + 1;
    const oldest = params['window'] === 0 ? 0 : Math.max(0, context - params['window']!);
    for (let h = 0; h < headCount; h++) {
      const kvHead = Math.floor(h / (headCount / kvHeadCount));
      const q = t * params['stride']! + h * size;
      const scores = new Float64Array(context);
      let highest = sinks ? sinks[h]! : -Infinity;
      for (let p = oldest; p < context; p++) {
        const k = (p * kvHeadCount + kvHead) * size;
        let score = 0;
        for (let c = 0; c < size; c++) score += query[q + c]! * keys[k + c]!;
        scores[p] = score * params['scale']!;
        highest = Math.max(highest, scores[p]!);
      }
      const sums = new Float64Array(valueSize);
      let total = sinks ? Math.exp(sinks[h]! - highest) : 0;
      for (let p = oldest; p < context; p++) {
        const weight = Math.exp(scores[p]! - highest);
        total += weight;
        const v = (p * kvHeadCount + kvHead) * valueSize;
        for (let c = 0; c < valueSize; c++) sums[c] = sums[c]! + weight * values[v + c]!;
      }
      const out = t * params['output_stride']! + h * valueSize;
      for (let c = 0; c < valueSize; c++) output[out + c] = sums[c]! / total;
    }
  }
};
