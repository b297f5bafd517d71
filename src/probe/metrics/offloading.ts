// Whether a model suits offloading, judged by the local routing consistency of its trace.

import type { Trace } from '../trace';
import { sch } from './sch';
import { srp } from './srp';

const WINDOW_TOKENS = 16;
/** Cache ratios: slots per layer over top-k. */
const CACHE_RATIOS = [1, 2, 3] as const;

export interface OffloadingVerdict {
  /** good: SRP(16) above 0.5. fair: from 0.45. doubtful: from 0.40. poor: below. */
  readonly verdict: 'good' | 'fair' | 'doubtful' | 'poor';
  readonly srp16: number;
  /** Hit rate of the 16-token oracle with 1, 2 and 3 times top-k slots per layer. */
  readonly sch16: ReadonlyArray<{ readonly cacheRatio: number; readonly hitRate: number }>;
}

export function offloadingVerdict(trace: Trace): OffloadingVerdict {
  const srp16 = srp(trace, WINDOW_TOKENS).srp;
  const sch16 = CACHE_RATIOS.map((cacheRatio) => {
    const slotsPerLayer = Math.min(cacheRatio * trace.topK, trace.expertCount);
    return { cacheRatio, hitRate: sch(trace, { windowTokens: WINDOW_TOKENS, slotsPerLayer, variant: 'sequential' }) };
  });
  return { verdict: srp16 > 0.5 ? 'good' : srp16 >= 0.45 ? 'fair' : srp16 >= 0.4 ? 'doubtful' : 'poor', srp16, sch16 };
}
