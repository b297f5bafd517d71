// How far two f32 implementations of a whole small model may be apart. A bound of the first order from the sizes of the model, not from what was observed.

import type { RandomModel } from './random-model';
import { RANDOM_MODEL_CONTEXT } from './random-model';
import { ROUNDOFF, quadSumDepth } from './tolerance';

/** Sums that a token passes in one layer: norm, q/k/v, head norm and rotation, scores, mixture of values, projection, norm, router, gate and up, down. */
const SUMS_PER_LAYER = 10;
/** Final norm and output head. */
const SUMS_AT_END = 2;

/**
 * Relative error of the residual stream. The roundings of a sum of n products are independent, so its relative error is about √depth · u, where depth counts the
 * roundings on the longest way (see sumTolerance, which allows 4 times that). An error in a score becomes, through the softmax of attention or router, a
 * relative error of a weight that is larger by the size of the score: routers are drawn from [-1, 1), so scores of a normed row of n have deviation √(n / 3),
 * and five deviations bound them. Errors of stages add as variances do.
 */
function residualError({ hidden, ffn, heads, headSize, layers }: RandomModel): number {
  const depth = Math.max(quadSumDepth(Math.max(hidden, ffn, heads * headSize)), RANDOM_MODEL_CONTEXT);
  const scoreSize = 5 * Math.sqrt(hidden / 3);
  const stages = layers * SUMS_PER_LAYER + SUMS_AT_END;
  return 4 * Math.sqrt(stages * depth) * ROUNDOFF * scoreSize;
}

/** For logits and routing weights. */
export function modelNmse(model: RandomModel): number {
  return residualError(model) ** 2;
}

/** Absolute error of a log-probability: logits are sums over a normed row with weights in ±√(3 / n), so their deviation is 1.5 at most, and five bound them. */
export function logprobTolerance(model: RandomModel): number {
  return 2 * residualError(model) * 7.5;
}
