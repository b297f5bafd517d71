// The arithmetic behind the GPU budget slider. Pure.

import type { BudgetReport } from '../../core/api';

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

export type BudgetAdvice = 'resident' | 'streams' | 'below-cycle';

/** What a budget means: everything fits; experts are exchanged; or not even one token's experts fit. */
export function budgetAdvice(bytes: number, report: BudgetReport): BudgetAdvice {
  if (bytes >= report.expertTotalBytes) return 'resident';
  return bytes < report.tokenCycleBytes ? 'below-cycle' : 'streams';
}

/** Share of look-ups that found their expert on the GPU; NaN if there was none. */
export function hitRate(hits: number, misses: number): number {
  return hits / (hits + misses);
}
