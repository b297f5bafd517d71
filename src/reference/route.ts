import { ControlWord, HaltReason, MISSING_SLOT } from '../core/control';
import { type Reference, floatToBits, inverseRms } from './call';

/** RMSNorm, router, softmax, top-k (ties: lowest index), weights, slot look-up; in decode the halt. */
export const route: Reference = ({ control, params, constants, f32, u32 }) => {
  const stride = params['stride']!;
  const expertCount = params['expert_count']!;
  const topK = constants['TOP_K']!;
  const input = f32('input');
  const gain = f32('gain');
  const router = f32('router');
  const normed = f32('normed');
  const slotTable = u32('slot_table');
  const routes = u32('routes');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const scale = inverseRms(input, t * stride, stride, params['column_count']!, params['norm_eps']!);
    for (let c = 0; c < stride; c++) normed[t * stride + c] = input[t * stride + c]! * gain[c]! * scale;

    const logits = new Float32Array(expertCount);
    for (let e = 0; e < expertCount; e++) {
      let sum = 0;
      for (let c = 0; c < stride; c++) sum += router[e * stride + c]! * normed[t * stride + c]!;
      logits[e] = sum;
    }
    const highest = logits.reduce((a, b) => Math.max(a, b));
    const exps = Float32Array.from(logits, (z) => Math.exp(z - highest));
    const total = exps.reduce((a, b) => a + b, 0);
    const probabilities = exps.map((p) => p / total);

    const selected = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]! || a - b).slice(0, topK);
    const selectedSum = selected.reduce((sum, e) => sum + probabilities[e]!, 0);
    let isMissing = false;
    selected.forEach((expert, k) => {
      const slot = slotTable[params['slot_table_offset']! + expert]!;
      const at = params['routes_offset']! + (t * topK + k) * 3;
      const weight = probabilities[expert]! / (constants['RENORMALISE'] === 1 ? selectedSum : 1);
      routes[at] = expert;
      routes[at + 1] = slot;
      routes[at + 2] = floatToBits(weight * params['weight_scale']!);
      isMissing ||= slot === MISSING_SLOT;
    });
    if (constants['HALTS'] === 1 && isMissing) {
      control[ControlWord.halted] = HaltReason.missingExpert;
      control[ControlWord.layer] = params['layer']!;
      routes[0] = HaltReason.missingExpert;
      routes[1] = params['layer']!;
      routes[2] = control[ControlWord.step]!;
      routes[3] = control[ControlWord.position]!;
    }
  }
};
