import { ControlWord, HaltReason } from '../core/control';
import { uniformOf } from '../core/random';
import { SamplingWord } from '../core/sampling';
import { type Reference, floatToBits } from './call';

/** Penalty, temperature, top-k, top-p, min-p, draw; then the step. See shaders/sample.wgsl for the sources of each. */
export const sample: Reference = ({ control, params, f32, u32 }) => {
  const size = params['vocabulary_size']!;
  const options = f32('sampling');
  const optionWords = u32('sampling');
  const logits = f32('logits').subarray(0, size);
  const seen = u32('seen');
  const tokens = u32('tokens');
  const record = u32('record');
  const temperature = options[SamplingWord.temperature]!;
  const penalty = options[SamplingWord.repetitionPenalty]!;

  const scaled = logits.map((logit, t) => {
    const z = seen[t] === 0 ? logit : logit > 0 ? logit / penalty : logit * penalty;
    return temperature > 0 ? z / temperature : z;
  });
  const highest = scaled.reduce((a, b) => Math.max(a, b));
  let chosen = scaled.indexOf(highest);

  if (temperature > 0) {
    const masses = Float64Array.from(scaled, (z) => Math.exp(z - highest));
    const ranked = Array.from(scaled).sort((a, b) => b - a);
    let lowest = -Infinity; // the smallest logit that is kept
    const topK = optionWords[SamplingWord.topK]!;
    if (topK > 0 && topK < size) lowest = ranked[topK - 1]!;
    const topP = options[SamplingWord.topP]!;
    if (topP < 1) {
      const kept = ranked.filter((z) => z >= lowest);
      const target = topP * kept.reduce((sum, z) => sum + Math.exp(z - highest), 0);
      let mass = 0;
      lowest = kept.find((z) => (mass += Math.exp(z - highest)) >= target) ?? lowest;
    }
    const minP = options[SamplingWord.minP]!;
    if (minP > 0) lowest = Math.max(lowest, Math.min(highest, Math.fround(highest + Math.log(minP))));

    const total = masses.reduce((sum, mass, t) => sum + (scaled[t]! >= lowest ? mass : 0), 0);
    const target = uniformOf(optionWords[SamplingWord.seed]!, control[ControlWord.step]!) * total;
    let passed = 0;
    for (let t = 0; t < size; t++) {
      if (scaled[t]! < lowest) continue;
      chosen = t;
      passed += masses[t]!;
      if (passed > target) break;
    }
  }

  const highestRaw = logits.reduce((a, b) => Math.max(a, b));
  const rawTotal = logits.reduce((sum, logit) => sum + Math.exp(logit - highestRaw), 0);
  const stopCount = optionWords[SamplingWord.stopCount]!;
  const isStop = optionWords.subarray(SamplingWord.stopTokens, SamplingWord.stopTokens + stopCount).includes(chosen);
  const halted = isStop ? HaltReason.stopToken : HaltReason.none;
  record[0] = halted;
  record[1] = 0;
  record[2] = control[ControlWord.step]!;
  record[3] = control[ControlWord.position]!;
  record[4] = tokens[0]!;
  record[5] = chosen;
  record[6] = floatToBits(logits[chosen]! - highestRaw - Math.log(rawTotal));
  tokens[0] = chosen;
  seen[chosen] = 1;
  control[ControlWord.halted] = halted;
  control[ControlWord.position] = control[ControlWord.position]! + control[ControlWord.tokenCount]!;
  control[ControlWord.tokenCount] = 1;
  control[ControlWord.step] = control[ControlWord.step]! + 1;
};
