// What a run of the simulator has found so far, and what it says in words. Pure.

import { formatBytes } from '../../core/units';
import type { OffloadingVerdict } from '../../probe/metrics/offloading';
import type { SimulationResult } from '../../scheduler/simulator';
import { formatRate, formatShare } from '../model/format';
import type { CurveName, SimulationPart, SimulationSpec } from '../model/simulation';

export interface Results {
  readonly spec: SimulationSpec;
  readonly here: Extract<SimulationPart, { kind: 'here' }> | undefined;
  readonly verdict: Extract<SimulationPart, { kind: 'verdict' }> | undefined;
  /** In the order in which they came: by budget. */
  readonly points: Readonly<Record<CurveName, readonly SimulationResult[]>>;
  readonly partsDone: number;
}

export function noResults(spec: SimulationSpec): Results {
  return { spec, here: undefined, verdict: undefined, points: { policy: [], plain: [], bound: [] }, partsDone: 0 };
}

export function withPart(results: Results, part: SimulationPart): Results {
  const next = { ...results, partsDone: results.partsDone + 1 };
  switch (part.kind) {
    case 'here':
      return { ...next, here: part };
    case 'verdict':
      return { ...next, verdict: part };
    case 'point':
      return { ...next, points: { ...results.points, [part.curve]: [...results.points[part.curve], part.result] } };
  }
}

export function totalBytes({ trace, slotBytes }: SimulationSpec): number {
  return trace.layerCount * trace.expertCount * slotBytes;
}

/** "1 GB more would raise the hit rate from 62 % to 71 % and the speed from 3.1 to 4.0 tokens/s." */
export function describeMore({ result, more, stepBytes }: NonNullable<Results['here']>): string {
  if (!more) return 'Every expert fits: more memory buys nothing.';
  const step = `${formatBytes(stepBytes)} more`;
  if (more.hitRate - result.hitRate < 0.0005) return `${step} would buy nothing: the hit rate stays at ${formatShare(result.hitRate)}.`;
  const speed = `and the speed from ${formatRate(result.tokensPerSecond)} to ${formatRate(more.tokensPerSecond)} tokens/s`;
  return `${step} would raise the hit rate from ${formatShare(result.hitRate)} to ${formatShare(more.hitRate)} ${speed}.`;
}

const VERDICTS: Readonly<Record<OffloadingVerdict['verdict'], string>> = {
  good: 'This model suits offloading: neighbouring tokens use much the same experts.',
  fair: 'This model suits offloading fairly well: neighbouring tokens share many experts.',
  doubtful: 'This model suits offloading only so-so: neighbouring tokens share few experts.',
  poor: 'This model suits offloading badly: each token wants other experts.',
};

export function describeVerdict({ verdict }: OffloadingVerdict): string {
  return VERDICTS[verdict];
}

/** "SRP(16) 0.58 · SCH(16) 41 % / 63 % / 75 % with 1 / 2 / 3 × top-k slots per layer · 35 % of a token's experts are used again by the next". */
export function verdictFigures({ srp16, sch16 }: OffloadingVerdict, reuse: number): string {
  const rates = sch16.map(({ hitRate }) => formatShare(hitRate)).join(' / ');
  return `SRP(16) ${srp16.toFixed(2)} · SCH(16) ${rates} with ${sch16.map(({ cacheRatio }) => cacheRatio).join(' / ')} × top-k slots per layer · the next token uses ${formatShare(reuse)} of the experts again`;
}
