// The distribution that a sampling block means, in f64 and the plainest way, apart from both the kernel and its reference; and how far a draw is from the next
// token's share, so that tests can leave out draws that rounding might decide.

import type { SamplingOptions } from '../../src/core/api';
import { uniformOf } from '../../src/core/random';

export interface TokenDistribution {
  /** [token id]; zero for tokens that were cut. */
  readonly probabilities: readonly number[];
  /** How near any cut is to a token it does not tie with, relative; below about 1e-5 rounding may decide. */
  readonly cutMargin: number;
}

/** With penalty and temperature, which is not 0. */
export function scaledLogits(logits: ArrayLike<number>, seen: ArrayLike<number>, { repetitionPenalty, temperature }: Required<SamplingOptions>): number[] {
  return Array.from(logits, (logit, t) => {
    const penalised = seen[t] === 0 ? logit : logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    return penalised / temperature;
  });
}

export function distributionOf(logits: ArrayLike<number>, seen: ArrayLike<number>, options: Required<SamplingOptions>): TokenDistribution {
  const scaled = scaledLogits(logits, seen, options);
  const best = Math.max(...scaled);
  const masses = scaled.map((z) => Math.exp(z - best));
  let kept = [...masses.keys()].sort((a, b) => masses[b]! - masses[a]! || a - b);
  let cutMargin = 1;
  /** Keeps the first `count` and what ties with the last of them. */
  const keep = (count: number): void => {
    const least = masses[kept[count - 1]!]!;
    const next = kept.find((t) => masses[t]! < least * (1 - 1e-9));
    if (next !== undefined) cutMargin = Math.min(cutMargin, Math.log(least / masses[next]!));
    kept = kept.filter((t) => masses[t]! >= least * (1 - 1e-9));
  };
  if (options.topK > 0 && options.topK < kept.length) keep(options.topK);
  if (options.topP < 1) {
    const target = options.topP * sum(kept.map((t) => masses[t]!));
    let reached = 0;
    const count = kept.findIndex((t, i) => {
      reached += masses[t]!;
      // Between tokens that tie it does not matter where the target lies.
      const next = masses[kept[i + 1] ?? t]!;
      if (next < masses[t]! * (1 - 1e-9)) cutMargin = Math.min(cutMargin, Math.abs(reached - target) / target);
      return reached >= target;
    });
    keep(count + 1);
  }
  if (options.minP > 0) {
    for (const t of kept) cutMargin = Math.min(cutMargin, Math.abs(Math.log(masses[t]! / options.minP)));
    kept = kept.filter((t) => masses[t]! >= options.minP);
  }
  const total = sum(kept.map((t) => masses[t]!));
  const probabilities = masses.map(() => 0);
  for (const t of kept) probabilities[t] = masses[t]! / total;
  return { probabilities, cutMargin };
}

/** The token that a draw gives, and how far the drawn number is from the border to its neighbours. */
export function drawFrom({ probabilities }: TokenDistribution, seed: number, step: number): { readonly token: number; readonly margin: number } {
  const drawn = uniformOf(seed, step);
  let passed = 0;
  let margin = 1;
  let token = -1;
  probabilities.forEach((probability, t) => {
    if (probability === 0) return;
    if (token < 0 && passed + probability > drawn) token = t;
    passed += probability;
    // The last border is the end: a draw is below 1, so nothing is on its other side.
    if (passed < 1 - 1e-9) margin = Math.min(margin, Math.abs(passed - drawn));
  });
  return { token, margin };
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
