// The arithmetic behind the GPU budget slider. Pure.

import type { BudgetReport } from '../../core/api';
import { formatBytes } from '../../core/units';
import { judgeBudget } from '../../scheduler/budget';

export const MIN_BUDGET_PERCENT = 5;
export const MAX_BUDGET_PERCENT = 100;

export function percentOfExperts(bytes: number, report: BudgetReport): number {
  return report.expertTotalBytes === 0 ? MAX_BUDGET_PERCENT : (bytes / report.expertTotalBytes) * 100;
}

/** The slider's position for the budget that is in force. */
export function budgetPercent(report: BudgetReport): number {
  const percent = percentOfExperts(Math.min(report.requestedGpuBytes, report.expertTotalBytes), report);
  return Math.min(MAX_BUDGET_PERCENT, Math.max(MIN_BUDGET_PERCENT, Math.round(percent)));
}

export function bytesForPercent(percent: number, report: BudgetReport): number {
  return Math.round((percent / 100) * report.expertTotalBytes);
}

/** Bytes of the fewest slots that the engine can work with. */
export function minimumBytes(report: BudgetReport): number {
  return report.gpuSlots === 0 ? 0 : (report.gpuBytes / report.gpuSlots) * report.minimumGpuSlots;
}

export type BudgetAdvice = 'resident' | 'streams' | 'near-cycle' | 'below-cycle';

/** What a budget means: everything fits; experts are exchanged; little more than one token's experts fit, or not even those. */
export function budgetAdvice(bytes: number, report: BudgetReport): BudgetAdvice {
  if (bytes >= report.expertTotalBytes) return 'resident';
  // Bytes in the place of slots: what is judged is only how often one token's experts fit.
  const shape = { layerCount: 1, expertCount: report.expertTotalBytes, expertsPerToken: report.tokenCycleBytes, slotBytes: 1 };
  const { verdict } = judgeBudget(shape, bytes);
  return verdict === 'ok' ? 'streams' : verdict;
}

const CONSEQUENCES: Readonly<Record<BudgetAdvice, string>> = {
  resident: 'All experts fit: nothing has to be brought in.',
  streams: 'Experts that are missing are brought in while the answer is written. The text is the same.',
  'near-cycle': 'Little more than the experts of one token: hits fall steeply with every megabyte less. The text is the same, only slower.',
  'below-cycle': 'Less than the experts of one token: most tokens will wait at most layers. The text is the same, only slower.',
};

/** What will happen at a budget, and what to do about it. */
export function describeAdvice(advice: BudgetAdvice, report: BudgetReport): string {
  const isTight = advice === 'near-cycle' || advice === 'below-cycle';
  return isTight ? `${CONSEQUENCES[advice]} From ${formatBytes(report.recommendedGpuBytes)} on it runs well.` : CONSEQUENCES[advice];
}

/** The slider's position for the recommended budget: never below it. */
export function recommendedPercent(report: BudgetReport): number {
  return Math.min(MAX_BUDGET_PERCENT, Math.max(MIN_BUDGET_PERCENT, Math.ceil(percentOfExperts(report.recommendedGpuBytes, report))));
}

/** Where a number of bytes lies on the slider, from 0 to 1. */
export function sliderShare(bytes: number, report: BudgetReport): number {
  const share = (percentOfExperts(bytes, report) - MIN_BUDGET_PERCENT) / (MAX_BUDGET_PERCENT - MIN_BUDGET_PERCENT);
  return Math.min(1, Math.max(0, share));
}

/** Share of look-ups that found their expert on the GPU; NaN if there was none. */
export function hitRate(hits: number, misses: number): number {
  return hits / (hits + misses);
}
