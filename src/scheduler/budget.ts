// How many experts a GPU budget holds, and how their slots are spread over slabs.

import type { Budget } from '../core/api';
import { EngineError } from '../core/errors';
import { divideCeil } from '../core/units';

export interface SlabPlan {
  readonly layers: readonly number[];
  readonly slotCount: number;
}

export interface BudgetInput {
  readonly layerCount: number;
  readonly expertCount: number;
  /** k: slots that one layer needs at once. */
  readonly expertsPerToken: number;
  readonly slotBytes: number;
  readonly maxSlabBytes: number;
}

/** Bytes asked for. Throws 'invalid-argument'. */
export function budgetBytes(budget: Budget, expertTotalBytes: number): number {
  if (typeof budget === 'number') {
    if (Number.isFinite(budget) && budget >= 0) return budget;
  } else if (typeof budget === 'string') {
    const percent = /^(\d+(?:\.\d+)?)%$/.exec(budget.trim());
    if (percent && Number(percent[1]) <= 100) return Math.floor((expertTotalBytes * Number(percent[1])) / 100);
  }
  throw new EngineError(
    'invalid-argument',
    `The GPU budget "${String(budget)}" is not a number of bytes or a percentage.`,
    'Give bytes, or a share of all experts from "0%" to "100%".',
  );
}

/** The number of slabs depends on the adapter and the model only, so that resizing never moves a layer from one slab to another. */
export function slabLayers({ layerCount, expertCount, slotBytes, maxSlabBytes }: BudgetInput): number[][] {
  const layersPerSlab = Math.max(1, Math.floor(maxSlabBytes / (slotBytes * expertCount)));
  const slabCount = divideCeil(layerCount, layersPerSlab);
  return Array.from({ length: slabCount }, (_, slab) => {
    const first = Math.floor((slab * layerCount) / slabCount);
    const end = Math.floor(((slab + 1) * layerCount) / slabCount);
    return Array.from({ length: end - first }, (_unused, i) => first + i);
  });
}

/** Slots of each slab: its layers' share of the budget, at least what one layer needs at once, at most all its experts or what one binding holds. */
export function planSlabs(input: BudgetInput, gpuBytes: number): SlabPlan[] {
  const { layerCount, expertCount, expertsPerToken, slotBytes, maxSlabBytes } = input;
  const slots = Math.floor(gpuBytes / slotBytes);
  return slabLayers(input).map((layers) => {
    const share = Math.floor((slots * layers.length) / layerCount);
    const most = Math.min(layers.length * expertCount, Math.floor(maxSlabBytes / slotBytes));
    if (most < expertsPerToken) {
      throw new EngineError(
        'out-of-memory',
        `This adapter binds at most ${maxSlabBytes} bytes; ${expertsPerToken} experts of ${slotBytes} bytes do not fit.`,
        'Use another GPU or the CPU backend.',
      );
    }
    return { layers, slotCount: Math.min(most, Math.max(share, expertsPerToken)) };
  });
}

/** Budgets below this many token cycles are called near the cycle: a layer cannot hold the last token's experts next to this one's. */
const ROOMY_CYCLES = 2;
/** Share of all experts from which published caches and ours hit more often than they miss. */
const RECOMMENDED_SHARE = 0.25;

/**
 * below-cycle: not even one token's experts fit, so that every token misses. near-cycle: little more than that fits, and hits fall steeply with each slot that
 * is taken away.
 */
export type BudgetVerdict = 'below-cycle' | 'near-cycle' | 'ok';

type CycleShape = Pick<BudgetInput, 'layerCount' | 'expertCount' | 'expertsPerToken' | 'slotBytes'>;

/** Bytes of all experts that one token uses. */
export function tokenCycleBytes({ layerCount, expertsPerToken, slotBytes }: CycleShape): number {
  return layerCount * expertsPerToken * slotBytes;
}

/** The smallest budget that is comfortable: two token cycles or a quarter of all experts, whichever is more, and never more than all. */
export function recommendedBytes(shape: CycleShape): number {
  const totalSlots = shape.layerCount * shape.expertCount;
  const cycleSlots = shape.layerCount * shape.expertsPerToken;
  return Math.min(totalSlots, Math.max(ROOMY_CYCLES * cycleSlots, Math.ceil(totalSlots * RECOMMENDED_SHARE))) * shape.slotBytes;
}

export function judgeBudget(shape: CycleShape, gpuBytes: number): { readonly verdict: BudgetVerdict; readonly recommendedBytes: number } {
  const cycleBytes = tokenCycleBytes(shape);
  const totalBytes = shape.layerCount * shape.expertCount * shape.slotBytes;
  const isRoomy = gpuBytes >= Math.min(ROOMY_CYCLES * cycleBytes, totalBytes);
  return { verdict: gpuBytes < cycleBytes ? 'below-cycle' : isRoomy ? 'ok' : 'near-cycle', recommendedBytes: recommendedBytes(shape) };
}
