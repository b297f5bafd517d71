// simulate: replays a trace under cache policies and budgets. For people a Markdown table of hit rates; with --json all that was counted.

import { readFileSync } from 'node:fs';
import type { Budget } from '../core/api';
import { EngineError } from '../core/errors';
import { GiB } from '../core/units';
import { SYNTHETIC_MODELS, syntheticTrace } from '../probe/synthetic';
import { type Trace, sequenceHeads } from '../probe/trace';
import { decodeTrace } from '../probe/trace-file';
import { budgetBytes, judgeBudget } from '../scheduler/budget';
import { POLICY_NAMES } from '../scheduler/create-policy';
import { gainOfMore } from '../scheduler/hit-curve';
import { BOUND_NAMES, type CostModel, type SimulationResult, simulate } from '../scheduler/simulator';
import { invalidArgument } from './arguments';
import type { TerminalIo } from './io';

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

const SYNTHETIC_TOKENS = 4096;
const SYNTHETIC_SEED = 1;
/** A trace is read whole. */
const MAX_TRACE_BYTES = 2 * GiB;

export function simulateTrace(command: SimulateCommand, io: TerminalIo): void {
  const whole = openTrace(command.file);
  const trace = command.tokens === undefined ? whole : sequenceHeads(whole, command.tokens);
  if (trace.tokenCount === 0) throw invalidArgument(`${command.file} has no tokens.`, 'Record a trace with `sluice trace`.');
  const policies = command.policy.flatMap((name) => (name === 'all' ? [...POLICY_NAMES, ...BOUND_NAMES] : name));
  const rows = policies.flatMap((policy) => command.budget.map((budget) => simulateOne(trace, policy, budget, command)));
  const { layerCount, expertCount, topK, tokenCount } = trace;
  if (json(command, io, { trace: { layerCount, expertCount, topK, tokenCount }, results: rows })) return;
  io.out(markdownTable(policies, command.budget, rows));
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

function markdownTable(policies: readonly string[], budgets: readonly Budget[], rows: readonly Row[]): string {
  const heads = ['policy', ...budgets.map((budget) => (typeof budget === 'number' ? `${budget} bytes` : budget))];
  const cells = policies.map((policy, i) => [policy, ...budgets.map((_, j) => (100 * rows[i * budgets.length + j]!.hitRate).toFixed(1))]);
  const lines = [heads, heads.map((_, column) => (column === 0 ? '---' : '---:')), ...cells];
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('');
}

function openTrace(file: string): Trace {
  const [, synthetic] = /^synthetic:(.*)$/.exec(file) ?? [];
  if (synthetic === undefined) return decodeTrace(read(file));
  const statistics = Object.hasOwn(SYNTHETIC_MODELS, synthetic) ? SYNTHETIC_MODELS[synthetic] : undefined;
  if (!statistics) throw invalidArgument(`There is no synthetic trace "${synthetic}".`, `Use one of ${Object.keys(SYNTHETIC_MODELS).join(', ')}.`);
  return syntheticTrace(statistics, SYNTHETIC_TOKENS, SYNTHETIC_SEED);
}

function read(file: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (thrown) {
    throw new EngineError('source-not-found', `The trace ${file} cannot be read.`, 'Name a file that `sluice trace` wrote.', thrown);
  }
  if (bytes.byteLength > MAX_TRACE_BYTES) throw invalidArgument(`The trace ${file} is larger than 2 GiB.`, 'Record fewer tokens.');
  return bytes;
}
