// A trace without structure: for each token and layer, k different experts.

import { Random } from '../../src/core/random';
import type { Trace, TraceShape } from '../../src/probe/trace';

export function randomTrace({ layerCount, expertCount, topK, tokenCount, seed }: TraceShape & { readonly tokenCount: number; readonly seed: number }): Trace {
  const random = new Random(seed);
  const entryCount = tokenCount * layerCount * topK;
  const expertIds = new Uint16Array(entryCount);
  for (let route = 0; route < entryCount; route += topK) {
    const chosen = new Set<number>();
    // Squared, so that some experts are used more.
    while (chosen.size < topK) chosen.add(Math.floor(random.float() ** 2 * expertCount));
    expertIds.set([...chosen], route);
  }
  return {
    layerCount,
    expertCount,
    topK,
    tokenCount,
    positions: Uint32Array.from({ length: tokenCount }, (_, token) => token),
    phases: Uint8Array.from({ length: tokenCount }, () => random.integer(0, 1)),
    tokenIds: Uint32Array.from({ length: tokenCount }, () => random.uint32()),
    expertIds,
    weights: Float32Array.from({ length: entryCount }, () => random.float()),
    tiers: Uint8Array.from({ length: entryCount }, () => random.integer(0, 3)),
  };
}
