// SCH, the segment cache best hit rate of "Not All Models Suit Expert Offloading": what a cache of C slots per layer (or C · layers for all layers jointly) hits
// if it knows the next m tokens. cnt counts each expert's uses among tokens i … i + m - 1. Hits of a token are counted against the cache as it was at the
// token's start; an expert never seen before is a hit while fewer different ones than there are slots have been seen (a free preload). Then the token's experts
// one after the other leave the window (cnt - 1), become the newest, and come in, in place of the resident with the least (cnt, last use).
// 'sequential' is that rule, which equals the authors' stack algorithm; 'protected' also keeps the token's own experts from being replaced by each other, which a
// real cache must, and which can differ by up to 0.085.

import { type Trace, routeOf } from '../trace';

export interface SchOptions {
  readonly windowTokens: number;
  /** C */
  readonly slotsPerLayer: number;
  readonly variant: 'sequential' | 'protected';
  /** One cache for all layers. */
  readonly isJoint?: boolean;
}

export function sch(trace: Trace, { isJoint = false, ...options }: SchOptions): number {
  const layers = Array.from({ length: trace.layerCount }, (_, layer) => layer);
  const groups = isJoint ? [layers] : layers.map((layer) => [layer]);
  const hits = groups.reduce((sum, group) => sum + hitsOf(trace, group, options), 0);
  return hits / Math.max(1, trace.expertIds.length);
}

function hitsOf(trace: Trace, layers: readonly number[], { windowTokens, slotsPerLayer, variant }: SchOptions): number {
  const slotCount = slotsPerLayer * layers.length;
  const keysOf = (token: number) => layers.flatMap((layer) => Array.from(routeOf(trace, token, layer), (expert) => layer * trace.expertCount + expert));
  const keyCount = trace.layerCount * trace.expertCount;
  const ahead = new Int32Array(keyCount);
  const lastUse = new Float64Array(keyCount);
  const seen = new Uint8Array(keyCount);
  const cached = new Set<number>();
  let clock = 0;
  let seenCount = 0;
  let hits = 0;
  for (let token = 0; token < Math.min(windowTokens, trace.tokenCount); token++) for (const key of keysOf(token)) ahead[key]!++;

  for (let token = 0; token < trace.tokenCount; token++) {
    const keys = keysOf(token);
    for (const key of keys) {
      if (cached.has(key) || (seen[key] === 0 && seenCount < slotCount)) hits++;
      if (seen[key] === 0) seenCount++;
      seen[key] = 1;
    }
    const kept = new Set(variant === 'protected' ? keys : []);
    for (const key of keys) {
      ahead[key]!--;
      lastUse[key] = clock++;
      if (cached.has(key)) continue;
      if (cached.size >= slotCount) cached.delete(leastOf(cached, kept, ahead, lastUse) ?? leastOf(cached, new Set(), ahead, lastUse) ?? key);
      if (slotCount > 0) cached.add(key);
    }
    if (token + windowTokens < trace.tokenCount) for (const key of keysOf(token + windowTokens)) ahead[key]!++;
  }
  return hits;
}

function leastOf(cached: ReadonlySet<number>, kept: ReadonlySet<number>, ahead: Int32Array, lastUse: Float64Array): number | undefined {
  let least: number | undefined;
  for (const key of cached) {
    if (kept.has(key)) continue;
    const isLess = least === undefined || ahead[key]! < ahead[least]! || (ahead[key] === ahead[least] && lastUse[key]! < lastUse[least]!);
    if (isLess) least = key;
  }
  return least;
}
