// How differently two texts are routed (Multilingual Routing): q is the mean over tokens of a layer's route as a distribution over experts, m the mean of both,
//   JSD = ½ KL(q₁‖m) + ½ KL(q₂‖m),   D = JSD / (ln E - (H(q₁) + H(q₂)) / 2)   in nats, and 0 where the denominator is below 1e-6.
// Near-uniform routes have next to no denominator, so D is not bounded by 1, and models with different E cannot be compared. The published q takes the whole
// softmax; a trace has the weights of the chosen experts, which are made to sum to 1 for each token, or equal parts where there are none.

import { type Trace, routeOf, weightsOf } from '../trace';
import { entropy } from './load';

const SMALLEST_DENOMINATOR = 1e-6;

/** Of one layer of two traces of the same model. */
export function routingDivergence(one: Trace, other: Trace, layer: number): number {
  return divergence(meanRoute(one, layer), meanRoute(other, layer));
}

export function divergence(one: Float64Array, other: Float64Array): number {
  const denominator = Math.log(one.length) - (entropy(one) + entropy(other)) / 2;
  return denominator < SMALLEST_DENOMINATOR ? 0 : jensenShannon(one, other) / denominator;
}

/** In nats. */
export function jensenShannon(one: Float64Array, other: Float64Array): number {
  const middle = one.map((share, expert) => (share + other[expert]!) / 2);
  // KL(q‖m) for both is H(m) - (H(q₁) + H(q₂)) / 2 together; rounding must not make it negative.
  return Math.max(0, entropy(middle) - (entropy(one) + entropy(other)) / 2);
}

/** [expert] */
export function meanRoute(trace: Trace, layer: number): Float64Array {
  const mean = new Float64Array(trace.expertCount);
  for (let token = 0; token < trace.tokenCount; token++) {
    const route = routeOf(trace, token, layer);
    const weights = weightsOf(trace, token, layer);
    const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? 0;
    route.forEach((expert, k) => (mean[expert]! += (weights && total > 0 ? weights[k]! / total : 1 / route.length) / trace.tokenCount));
  }
  return mean;
}
