// simulate: replays a trace under cache policies and budgets. For people a Markdown table of hit rates; with --json all that was counted.

import type { Budget } from '../core/api';
import { GiB } from '../core/units';
import type { Trace } from '../probe/trace';
import { budgetBytes, judgeBudget } from '../scheduler/budget';
import { POLICY_NAMES } from '../scheduler/create-policy';
import { gainOfMore } from '../scheduler/hit-curve';
import { BOUND_NAMES, type CostModel, type SimulationResult, simulate } from '../scheduler/simulator';
import type { TerminalIo } from './io';
import { markdownTable } from './markdown-table';
import { openTrace } from './open-trace';

export interface SimulateCommand {
  readonly file: string;
  readonly json: boolean;
  readonly policy: readonly string[];
  readonly budget: readonly Budget[];
  readonly predictor?: string;
  readonly expertBytes: number;
  readonly tokens?: number;
  readonly readRate: number;
  readonly uploadRate: number;
  readonly layerMs: number;
  readonly haltMs: number;
}

interface Row extends SimulationResult {
  readonly budget: Budget;
  readonly gpuBytes: number;
  /** below-cycle, near-cycle or ok. */
  readonly verdict: string;
  /** What one GiB more would add to the hit rate without prefetching. */
  readonly gainOfOneGiB: number;
}

export function simulateTrace(command: SimulateCommand, io: TerminalIo): void {
  const trace = openTrace(command.file, command.tokens);
  const policies = command.policy.flatMap((name) => (name === 'all' ? [...POLICY_NAMES, ...BOUND_NAMES] : name));
  const rows = policies.flatMap((policy) => command.budget.map((budget) => simulateOne(trace, policy, budget, command)));
  const { layerCount, expertCount, topK, tokenCount } = trace;
  if (json(command, io, { trace: { layerCount, expertCount, topK, tokenCount }, results: rows })) return;
  io.out(hitRates(policies, command.budget, rows));
}

function json({ json: wanted }: SimulateCommand, io: TerminalIo, document: unknown): boolean {
  if (wanted) io.out(`${JSON.stringify(document)}\n`);
  return wanted;
}

function simulateOne(trace: Trace, policy: string, budget: Budget, { expertBytes, predictor, ...rates }: SimulateCommand): Row {
  const totalBytes = trace.layerCount * trace.expertCount * expertBytes;
  const cost: CostModel = {
    readBytesPerSecond: rates.readRate,
    uploadBytesPerSecond: rates.uploadRate,
    computeMsPerLayer: rates.layerMs,
    haltMs: rates.haltMs,
  };
  const gpuBytes = Math.min(budgetBytes(budget, totalBytes), totalBytes);
  const slotCount = Math.floor(gpuBytes / expertBytes);
  const result = simulate({ trace, policy, slotCount, slotBytes: expertBytes, cost, ...(predictor !== undefined && { predictor }) });
  const { verdict } = judgeBudget({ ...trace, expertsPerToken: trace.topK, slotBytes: expertBytes }, gpuBytes);
  return { ...result, budget, gpuBytes, verdict, gainOfOneGiB: gainOfMore(trace, policy, expertBytes, gpuBytes, GiB) };
}

function hitRates(policies: readonly string[], budgets: readonly Budget[], rows: readonly Row[]): string {
  const heads = ['policy', ...budgets.map((budget) => (typeof budget === 'number' ? `${budget} bytes` : budget))];
  const cells = policies.map((policy, i) => [policy, ...budgets.map((_, j) => (100 * rows[i * budgets.length + j]!.hitRate).toFixed(1))]);
  return markdownTable(heads, cells);
}
