// Hit rate against memory, on a trace: what would more of it buy?

import type { Trace } from '../probe/trace';
import { simulate } from './simulator';

export interface CurvePoint {
  readonly slotCount: number;
  readonly hitRate: number;
}

/** slotCounts: any; a model has layerCount · expertCount slots at most. */
export function hitCurve(trace: Trace, policy: string, slotCounts: readonly number[]): CurvePoint[] {
  return slotCounts.map((slots) => {
    const { slotCount, hitRate } = simulate({ trace, policy, slotCount: slots, slotBytes: 1 });
    return { slotCount, hitRate };
  });
}

/** What `moreBytes` on top of `gpuBytes` add to the hit rate. */
export function gainOfMore(trace: Trace, policy: string, slotBytes: number, gpuBytes: number, moreBytes: number): number {
  const [now, then] = hitCurve(trace, policy, [Math.floor(gpuBytes / slotBytes), Math.floor((gpuBytes + moreBytes) / slotBytes)]);
  return then!.hitRate - now!.hitRate;
}
