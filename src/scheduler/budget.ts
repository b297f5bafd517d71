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
