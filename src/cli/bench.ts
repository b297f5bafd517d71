// bench: how fast a model decodes with all of its experts on the GPU, with some, and with some and no looking ahead, on the same texts in one run. Times depend on
// what else the machine does; ratios and counts are what to compare. `npm run bench` measures stores, uploads and decoding in a browser.

import type { Budget, EngineStats } from '../core/api';
import type { OpenEngine } from './engine-port';
import { type LoadChoices, withEngine } from './generate';
import type { TerminalIo } from './io';

export interface BenchCommand {
  readonly model: string;
  readonly json: boolean;
  readonly maxTokens: number;
}

/** Texts of different kinds, since other texts use other experts. */
const PROMPTS: readonly string[] = [
  'Once upon a time, there was a little girl named Lily. One day, she',
  'The King said to his youngest son, "You must go',
  'function add(a, b) {\n  return',
  'Le lendemain matin, il sortit de la maison et',
  'Klicken Sie auf die Schaltfläche, um',
  'The island is located in',
  'One sunny day, a dog named Max',
];
const DEFAULT_BUDGET: Budget = '25%';

/** Over all answers: sums, and rates of the whole. */
type Summed = Pick<
  EngineStats,
  | 'adapter'
  | 'generatedTokens'
  | 'prefillTokensPerSecond'
  | 'decodeTokensPerSecond'
  | 'dispatchesPerToken'
  | 'readbacksPerToken'
  | 'buffersCreatedInDecode'
  | 'halts'
  | 'missingLayers'
  | 'times'
>;

interface BenchRow extends Summed {
  readonly gpuBytes: number;
  readonly hitRate: number;
  /** Experts brought to the GPU while decoding. */
  readonly loads: number;
  readonly bytesLoadedPerToken: number;
}

export async function bench({ model, json, maxTokens }: BenchCommand, load: LoadChoices, io: TerminalIo, openEngine: OpenEngine): Promise<void> {
  const run = (choices: Partial<LoadChoices>) => measure(model, maxTokens, { ...load, ...choices }, io, openEngine);
  const gpuBudget = load.gpuBudget ?? DEFAULT_BUDGET;
  const resident = await run({ gpuBudget: '100%' });
  const streamed = await run({ gpuBudget });
  const withoutLookAhead = await run({ gpuBudget, lookAheadLayers: 0 });
  const ratios = {
    decode: streamed.decodeTokensPerSecond / resident.decodeTokensPerSecond,
    decodeWithoutLookAhead: withoutLookAhead.decodeTokensPerSecond / resident.decodeTokensPerSecond,
    halts: streamed.halts / Math.max(1, withoutLookAhead.missingLayers),
    loads: streamed.loads / Math.max(1, withoutLookAhead.loads),
  };
  if (json) io.out(`${JSON.stringify({ model, gpuBudget, resident, streamed, withoutLookAhead, ratios })}\n`);
  else io.out(table({ '100%': resident, [gpuBudget]: streamed, [`${gpuBudget}, no look-ahead`]: withoutLookAhead }, ratios));
}

async function measure(model: string, maxTokens: number, load: LoadChoices, io: TerminalIo, openEngine: OpenEngine): Promise<BenchRow> {
  const answers: EngineStats[] = [];
  await withEngine(model, load, io, openEngine, async (engine) => {
    const generate = (prompt: string, count: number) =>
      engine.generate(
        { tokens: engine.tokenize(prompt), maxTokens: count, temperature: 0.8, seed: 1, ignoreEos: true },
        { signal: io.signal, onToken: () => undefined },
      );
    // The first answer still finishes kernels.
    await generate(PROMPTS[0]!, 2);
    for (const prompt of PROMPTS) answers.push((await generate(prompt, maxTokens)).stats);
  });
  return summarise(answers);
}

function summarise(answers: readonly EngineStats[]): BenchRow {
  const { adapter, budget } = answers[0]!;
  const sum = (pick: (stats: EngineStats) => number) => answers.reduce((total, stats) => total + pick(stats), 0);
  const generatedTokens = sum((stats) => stats.generatedTokens);
  const perToken = (pick: (stats: EngineStats) => number) => sum((stats) => pick(stats) * stats.generatedTokens) / generatedTokens;
  const hits = sum(({ expertHits }) => expertHits);
  const part = (name: keyof EngineStats['times']) => sum(({ times }) => times[name]);
  return {
    adapter,
    gpuBytes: budget.gpuBytes,
    generatedTokens,
    prefillTokensPerSecond: sum(({ promptTokens }) => promptTokens) / sum((stats) => stats.promptTokens / stats.prefillTokensPerSecond),
    decodeTokensPerSecond: generatedTokens / sum((stats) => stats.generatedTokens / stats.decodeTokensPerSecond),
    dispatchesPerToken: perToken((stats) => stats.dispatchesPerToken),
    readbacksPerToken: perToken((stats) => stats.readbacksPerToken),
    buffersCreatedInDecode: sum((stats) => stats.buffersCreatedInDecode),
    hitRate: hits / Math.max(1, hits + sum(({ expertMisses }) => expertMisses)),
    halts: sum((stats) => stats.halts),
    missingLayers: sum((stats) => stats.missingLayers),
    loads: sum((stats) => stats.loads.all),
    bytesLoadedPerToken: (sum((stats) => stats.loads.all) * (budget.gpuBytes / Math.max(1, budget.gpuSlots))) / generatedTokens,
    times: {
      ...{ computeMs: part('computeMs'), haltMs: part('haltMs'), readMs: part('readMs') },
      ...{ checksumMs: part('checksumMs'), uploadMs: part('uploadMs'), waitMs: part('waitMs') },
    },
  };
}

function table(rows: Readonly<Record<string, BenchRow>>, ratios: Readonly<Record<'decode' | 'halts' | 'loads', number>>): string {
  const columns: ReadonlyArray<readonly [head: string, cell: (row: BenchRow) => string]> = [
    ['tokens/s', (row) => row.decodeTokensPerSecond.toFixed(2)],
    ['prompt/s', (row) => row.prefillTokensPerSecond.toFixed(1)],
    ['dispatches', (row) => row.dispatchesPerToken.toFixed(0)],
    ['readbacks', (row) => row.readbacksPerToken.toFixed(2)],
    ['hits', (row) => `${(100 * row.hitRate).toFixed(1)} %`],
    ['halts', (row) => String(row.halts)],
    ['layers that missed', (row) => String(row.missingLayers)],
    ['loads', (row) => String(row.loads)],
  ];
  const lines = [
    ['experts on the GPU', ...columns.map(([head]) => head)],
    ['---', ...columns.map(() => '---:')],
    ...Object.entries(rows).map(([name, row]) => [name, ...columns.map(([, cell]) => cell(row))]),
  ];
  const first = Object.values(rows)[0]!;
  const sentence =
    `${first.generatedTokens} tokens each on ${first.adapter}. Streamed decodes at ${ratios.decode.toFixed(2)} of the resident rate; looking ahead leaves ` +
    `${(100 * ratios.halts).toFixed(0)} % of the halts for ${ratios.loads.toFixed(2)} times the loads.`;
  return `${lines.map((line) => `| ${line.join(' | ')} |\n`).join('')}\n${sentence}\n`;
}
