// How a layer's tokens spread over its experts, and how much they change from one token to the next.

import { type Trace, routeOf } from '../trace';

/** Mean over tokens and layers of |S_i ∩ S_{i+1}| / |S_i| (BlockFFN). */
export function reuseRatio(trace: Trace, layer?: number): number {
  let sum = 0;
  let count = 0;
  for (const each of layersOf(trace, layer)) {
    for (let token = 0; token + 1 < trace.tokenCount; token++) {
      const route = routeOf(trace, token, each);
      const next = routeOf(trace, token + 1, each);
      sum += route.filter((expert) => next.includes(expert)).length / route.length;
      count++;
    }
  }
  return count > 0 ? sum / count : 0;
}

/** Chunk-level sparsity: mean share of experts that no token of a chunk uses, over whole chunks one after the other. One token: token-level sparsity (TLS). */
export function chunkSparsity(trace: Trace, chunkTokens: number, layer?: number): number {
  let inactive = 0;
  let count = 0;
  for (const each of layersOf(trace, layer)) {
    for (let start = 0; start + chunkTokens <= trace.tokenCount; start += chunkTokens) {
      const active = new Set<number>();
      for (let token = start; token < start + chunkTokens; token++) for (const expert of routeOf(trace, token, each)) active.add(expert);
      inactive += 1 - active.size / trace.expertCount;
      count++;
    }
  }
  return count > 0 ? inactive / count : 0;
}

/** [expert] share of the tokens that use it. */
export function loadOf(trace: Trace, layer: number): Float64Array {
  const load = new Float64Array(trace.expertCount);
  for (let token = 0; token < trace.tokenCount; token++) for (const expert of routeOf(trace, token, layer)) load[expert]! += 1 / trace.tokenCount;
  return load;
}

export interface LoadImbalance {
  /** Standard deviation of the experts' loads, in percent of tokens. */
  readonly deviationPercent: number;
  /** (largest load - mean) / mean */
  readonly maxViolation: number;
  /** Of the loads as a distribution, in nats; ln(expertCount) when all are used alike. */
  readonly entropy: number;
}

export function loadImbalance(trace: Trace, layer: number): LoadImbalance {
  const load = loadOf(trace, layer);
  const total = load.reduce((sum, share) => sum + share, 0);
  const mean = total / load.length;
  const variance = load.reduce((sum, share) => sum + (share - mean) ** 2, 0) / load.length;
  const largest = load.reduce((most, share) => Math.max(most, share), 0);
  return {
    deviationPercent: 100 * Math.sqrt(variance),
    maxViolation: mean > 0 ? (largest - mean) / mean : 0,
    entropy: total > 0 ? entropy(load.map((share) => share / total)) : 0,
  };
}

/** In nats. */
export function entropy(distribution: Float64Array): number {
  return -distribution.reduce((sum, share) => (share > 0 ? sum + share * Math.log(share) : sum), 0);
}

function layersOf(trace: Trace, layer: number | undefined): number[] {
  return layer === undefined ? Array.from({ length: trace.layerCount }, (_, index) => index) : [layer];
}
