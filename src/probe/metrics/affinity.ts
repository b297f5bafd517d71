// Affinity between neighbouring layers (ExFlow): N[i][j] counts the tokens that used i in a layer and j in the next one, all k · k pairs with weight 1; the rows
// with add-alpha smoothing, each made to sum to 1, are what follows each expert.

import { type Trace, routeOf } from '../trace';

/** [from, to] for `layer` and the one after it. */
export function affinityCounts(trace: Trace, layer: number): Float64Array {
  const counts = new Float64Array(trace.expertCount ** 2);
  for (let token = 0; token < trace.tokenCount; token++) {
    const next = routeOf(trace, token, layer + 1);
    for (const from of routeOf(trace, token, layer)) for (const to of next) counts[from * trace.expertCount + to]!++;
  }
  return counts;
}

/** [from, to] rows that sum to 1. */
export function affinity(trace: Trace, layer: number, alpha: number): Float64Array {
  const { expertCount } = trace;
  const counts = affinityCounts(trace, layer);
  for (let from = 0; from < expertCount; from++) {
    const row = counts.subarray(from * expertCount, (from + 1) * expertCount);
    const total = row.reduce((sum, count) => sum + count, 0) + alpha * expertCount;
    row.forEach((count, to) => (row[to] = total > 0 ? (count + alpha) / total : 1 / expertCount));
  }
  return counts;
}
