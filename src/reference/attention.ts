import { ControlWord } from '../core/control';
import type { Reference } from './call';

/** o[t, h, :] = Σ_p softmax_p(q · k_p · scale) v_p over p ≤ position of t. */
export const attention: Reference = ({ control, params, f32 }) => {
  const headCount = params['head_count']!;
  const kvHeadCount = params['kv_head_count']!;
  const size = params['head_size']!;
  const query = f32('query');
  const keys = f32('key_cache');
  const values = f32('value_cache');
  const output = f32('output');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const context = control[ControlWord.position]! + t + 1;
    for (let h = 0; h < headCount; h++) {
      const kvHead = Math.floor(h / (headCount / kvHeadCount));
      const q = t * params['stride']! + h * size;
      const scores = new Float64Array(context);
      let highest = -Infinity;
      for (let p = 0; p < context; p++) {
        const k = (p * kvHeadCount + kvHead) * size;
        let score = 0;
        for (let c = 0; c < size; c++) score += query[q + c]! * keys[k + c]!;
        scores[p] = score * params['scale']!;
        highest = Math.max(highest, scores[p]!);
      }
      const sums = new Float64Array(size);
      let total = 0;
      for (let p = 0; p < context; p++) {
        const weight = Math.exp(scores[p]! - highest);
        total += weight;
        const v = (p * kvHeadCount + kvHead) * size;
        for (let c = 0; c < size; c++) sums[c] = sums[c]! + weight * values[v + c]!;
      }
      for (let c = 0; c < size; c++) output[q + c] = sums[c]! / total;
    }
  }
};
