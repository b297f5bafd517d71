// What the simulator panel asks of a trace: hit rates over GPU budgets for a policy, for plain least-recently-used and for the bound that no policy can pass;
// and what a little more memory would buy. Pure; runs in a worker, one step at a time.

import type { SimulationResult } from '../../scheduler/simulator';
import { type CostModel, simulate } from '../../scheduler/simulator';
import { reuseRatio } from '../../probe/metrics/load';
import { offloadingVerdict, type OffloadingVerdict } from '../../probe/metrics/offloading';
import type { Trace, TraceShape } from '../../probe/trace';

/** Least recently used over one list for all layers: what caches do that know nothing of layers. */
export const PLAIN_POLICY = 'lru/none';
export const BOUND_POLICY = 'belady';

const GB = 1e9;
const PERCENTS = [2, 4, 6, 8, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100];
/** Where a GB is a large part of all experts, the next step up is this share of them. */
const SMALL_STEP = 0.1;

export interface SimulationSpec {
  readonly trace: Trace;
  readonly policy: string;
  readonly predictor?: string;
  readonly slotBytes: number;
  readonly cost: CostModel;
  /** The budget to look at closely. */
  readonly gpuBytes: number;
}

/** 'policy': the one that was chosen. */
export type CurveName = 'policy' | 'plain' | 'bound';

export type SimulationPart =
  | { readonly kind: 'point'; readonly curve: CurveName; readonly result: SimulationResult }
  /** The chosen policy at the budget in force, and one step up; undefined when everything fits. */
  | { readonly kind: 'here'; readonly result: SimulationResult; readonly more: SimulationResult | undefined; readonly stepBytes: number }
  /** Whether the model suits offloading; `reuse`: share of a token's experts that the next one uses again. */
  | { readonly kind: 'verdict'; readonly verdict: OffloadingVerdict; readonly reuse: number };

/** [point] slots to try: shares of all experts, at least what one layer needs at once. */
export function slotSteps({ layerCount, expertCount, topK }: TraceShape): readonly number[] {
  const total = layerCount * expertCount;
  const least = Math.min(total, topK);
  return [...new Set([least, ...PERCENTS.map((percent) => Math.round((total * percent) / 100))])].filter((slots) => slots >= least).sort((a, b) => a - b);
}

/** A gigabyte, or for small models a share of all experts. */
export function stepUpBytes(totalBytes: number): number {
  return totalBytes * SMALL_STEP >= GB ? GB : totalBytes * SMALL_STEP;
}

export function partCount(spec: SimulationSpec): number {
  return 3 * slotSteps(spec.trace).length + 2;
}

/** One part after the other, each of about the same work; the chosen policy first. */
export function* simulateAll({ trace, policy, predictor, slotBytes, cost, gpuBytes }: SimulationSpec): Generator<SimulationPart> {
  const chosen = (slotCount: number) => simulate({ trace, policy, slotCount, slotBytes, cost, ...(predictor !== undefined && { predictor }) });
  const totalSlots = trace.layerCount * trace.expertCount;
  // Slots of mixed sizes have a mean that is rounded.
  const slotsIn = (bytes: number) => Math.min(totalSlots, Math.floor(bytes / slotBytes + 1e-6));
  const stepBytes = stepUpBytes(totalSlots * slotBytes);
  const slots = slotsIn(gpuBytes);
  const more = slots < totalSlots ? chosen(slotsIn(gpuBytes + stepBytes)) : undefined;
  yield { kind: 'here', result: chosen(slots), more, stepBytes };
  yield { kind: 'verdict', verdict: offloadingVerdict(trace), reuse: reuseRatio(trace) };
  const steps = slotSteps(trace);
  for (const slotCount of steps) yield { kind: 'point', curve: 'policy', result: chosen(slotCount) };
  for (const [curve, name] of [
    ['bound', BOUND_POLICY],
    ['plain', PLAIN_POLICY],
  ] as const)
    for (const slotCount of steps) yield { kind: 'point', curve, result: simulate({ trace, policy: name, slotCount, slotBytes, cost }) };
}
