// Angles of rotary position embedding, computed in f64 on the CPU: WGSL leaves sin and cos loose far from zero.

import type { RopeSpec } from '../model/spec';

/** Pairs that turn more than this often within the original context are left as they are, those that turn less than once are stretched (Peng et al. 2023). */
const YARN_FAST_TURNS = 32;
const YARN_SLOW_TURNS = 1;

/** [position, pair] = (cos, sin), both times the magnitude. `factors` [pair] divide the angles. */
export function makeRopeTable(rope: RopeSpec, contextLength: number, factors?: Float32Array): Float32Array {
  const half = rope.dimensions / 2;
  const frequencies = Array.from({ length: half }, (_, i) => scaledFrequency(rope, i, factors?.[i] ?? 1));
  const table = new Float32Array(contextLength * half * 2);
  for (let position = 0; position < contextLength; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * frequencies[i]!;
      table[(position * half + i) * 2] = Math.cos(angle) * rope.magnitude;
      table[(position * half + i) * 2 + 1] = Math.sin(angle) * rope.magnitude;
    }
  }
  return table;
}

/** Radians by which pair i turns from one position to the next. */
function scaledFrequency({ base, dimensions, scaling }: RopeSpec, pair: number, divisor: number): number {
  const plain = base ** ((-2 * pair) / dimensions) / divisor;
  switch (scaling.kind) {
    case 'none':
      return plain;
    case 'linear':
      return plain / scaling.factor;
    case 'yarn': {
      // YaRN (arXiv 2309.00071, section 3.2): a ramp over the pairs from unchanged to stretched.
      const pairOfTurns = (turns: number) => (dimensions * Math.log(scaling.originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(base));
      const low = Math.max(0, Math.floor(pairOfTurns(YARN_FAST_TURNS)));
      const high = Math.min(dimensions - 1, Math.ceil(pairOfTurns(YARN_SLOW_TURNS)));
      const stretched = Math.min(1, Math.max(0, (pair - low) / Math.max(0.001, high - low)));
      return (plain / scaling.factor) * stretched + plain * (1 - stretched);
    }
  }
}
