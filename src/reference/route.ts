import { sigmoid } from '../core/activation';
import { ControlWord, HaltReason, MISSING_SLOT } from '../core/control';
import { type Reference, floatToBits, inverseRms } from './call';

/** Norm, scores, activation, groups, top-k (ties: lowest index), weights, slot look-up; in decode the scout and the halt. */
export const route: Reference = ({ control, params, constants, f32, u32 }) => {
  const stride = params['stride']!;
  const expertCount = params['expert_count']!;
  const topK = constants['TOP_K']!;
  const input = f32('input');
  const gain = f32('gain');
  const router = f32('router');
  const normed = f32('normed');
  const scoreInput = constants['HAS_SCORE_INPUT'] === 1 ? f32('score_input') : normed;
  const slotTable = u32('slot_table');
  const routes = u32('routes');
  const biasAt = (which: number) => expertCount * stride + which * Math.ceil(expertCount / 4) * 4;
  const layer = params['layer']!;
  /** Decode: a missing expert turns the step into a scout, and a scout halts at the end of its reach. */
  const scoutOrHalt = (isMissing: boolean): void => {
    if (isMissing && control[ControlWord.scouting] === 0) {
      control[ControlWord.scouting] = 1;
      control[ControlWord.layer] = layer;
      routes.set([HaltReason.missingExpert, layer, control[ControlWord.step]!, control[ControlWord.position]!]);
      normed.set((constants['NORM'] === 1 ? input : gain).subarray(0, stride), stride);
      if (constants['HAS_SCORE_INPUT'] === 1) normed.set(scoreInput.subarray(0, stride), 2 * stride);
    }
    if (control[ControlWord.scouting] === 0) return;
    routes[7] = layer;
    const isAtEnd = layer === params['last_layer'] || layer - control[ControlWord.layer]! >= control[ControlWord.scoutReach]!;
    if (isAtEnd) control[ControlWord.halted] = HaltReason.missingExpert;
  };
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const scale = constants['NORM'] === 1 ? inverseRms(input, t * stride, stride, params['column_count']!, params['norm_eps']!) : 1;
    for (let c = 0; c < stride; c++) normed[t * stride + c] = input[t * stride + c]! * (constants['NORM'] === 1 ? gain[c]! * scale : 1);

    const logits = new Float32Array(expertCount);
    for (let e = 0; e < expertCount; e++) {
      let sum = constants['HAS_ROUTER_BIAS'] === 1 ? router[biasAt(0) + e]! : 0;
      for (let c = 0; c < stride; c++) sum += router[e * stride + c]! * scoreInput[t * stride + c]!;
      logits[e] = sum;
    }
    const probabilities = constants['ACTIVATE'] === 1 ? logits.map(sigmoid) : softmax(logits);
    const scores = probabilities.map((p, e) => p + (constants['HAS_SELECTION_BIAS'] === 1 ? router[biasAt(1) + e]! : 0));
    if (constants['GROUP_TOP'] !== 0) keepBestGroups(scores, params['group_count']!, params['group_keep']!, constants['GROUP_TOP']!);

    const selected = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, topK);
    const selectedSum = selected.reduce((sum, e) => sum + probabilities[e]!, 0);
    let isMissing = false;
    selected.forEach((expert, k) => {
      const slot = slotTable[params['slot_table_offset']! + expert]!;
      const at = params['routes_offset']! + (t * topK + k) * 3;
      const weight = probabilities[expert]! / (constants['RENORMALISE'] === 1 ? Math.max(selectedSum, params['minimum_sum']!) : 1);
      routes[at] = expert;
      routes[at + 1] = slot;
      routes[at + 2] = floatToBits(weight * params['weight_scale']!);
      isMissing ||= slot === MISSING_SLOT;
    });
    if (constants['HALTS'] === 1) scoutOrHalt(isMissing);
  }
};

function softmax(logits: Float32Array): Float32Array {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const exps = logits.map((z) => Math.exp(z - highest));
  const total = exps.reduce((a, b) => a + b, 0);
  return exps.map((p) => p / total);
}

/** Puts the experts of all but the best groups out of reach. A group's score is the sum of its `top` best. */
function keepBestGroups(scores: Float32Array, groupCount: number, groupKeep: number, top: number): void {
  const size = scores.length / groupCount;
  const groupScores = Array.from({ length: groupCount }, (_, g) =>
    [...scores.subarray(g * size, (g + 1) * size)]
      .sort((a, b) => b - a)
      .slice(0, top)
      .reduce((sum, score) => sum + score, 0),
  );
  const order = [...groupScores.keys()].sort((a, b) => groupScores[b]! - groupScores[a]! || a - b);
  for (const g of order.slice(groupKeep)) scores.fill(-Infinity, g * size, (g + 1) * size);
}
