// trace, metrics and simulate at the terminal.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openTerminalEngine } from '../../src/cli/open-engine';
import { runTerminal } from '../../src/cli/run';
import { loadImbalance, reuseRatio } from '../../src/probe/metrics/load';
import { type OffloadingVerdict, offloadingVerdict } from '../../src/probe/metrics/offloading';
import { routeOf, sequenceHeads } from '../../src/probe/trace';
import { decodeTrace } from '../../src/probe/trace-file';
import type { SimulationResult } from '../../src/scheduler/simulator';
import golden from '../golden/demo-q8_0.json';
import { TestTerminal } from '../support/terminal';

const ROUTES = join(import.meta.dirname, '../golden/demo-routes.trace');
const folder = mkdtempSync(join(tmpdir(), 'sluice-trace-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...words: string[]): Promise<TestTerminal & { status: number }> {
  const terminal = new TestTerminal();
  const status = await runTerminal(words, terminal, openTerminalEngine);
  return Object.assign(terminal, { status });
}

interface Metrics extends OffloadingVerdict {
  readonly trace: object;
  readonly reuse: number;
  readonly sparsity: readonly object[];
  readonly layers: ReadonlyArray<{ readonly layer: number; readonly reuse: number; readonly entropy: number; readonly divergence?: number }>;
}

interface Simulated {
  readonly trace: { readonly tokenCount: number };
  readonly results: ReadonlyArray<SimulationResult & { budget: string | number; verdict: string; gainOfOneGiB: number }>;
}

async function simulated(...words: string[]): Promise<Simulated> {
  const { status, stdout } = await run('simulate', ...words, '--json');
  expect(status, stdout).toBe(0);
  return JSON.parse(stdout) as Simulated;
}

async function failureOf(...words: string[]): Promise<{ code: string; message: string }> {
  const { status, stdout } = await run(...words, '--json');
  expect(status).toBe(1);
  return (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
}

describe('trace', () => {
  test('keeps the golden routes of a prompt, and of what follows it', async () => {
    const prompt = golden.prompts[0]!;
    const file = join(folder, 'demo.trace');
    const words = [
      '--prompt',
      prompt.prompt,
      '--no-chat',
      '--max-tokens',
      '5',
      '--temperature',
      '0',
      '--ignore-eos',
      '--backend',
      'cpu',
      '--gpu-budget',
      '25%',
    ];
    const { status, stdout } = await run('trace', '--model', 'demo', ...words, '--out', file, '--json');
    expect(status, stdout).toBe(0);
    const trace = decodeTrace(readFileSync(file));
    const promptLength = prompt.token_ids.length;
    expect(JSON.parse(stdout)).toMatchObject({ file, tokenCount: trace.tokenCount, layerCount: 6, expertCount: 32, topK: 4 });
    // The last of the five tokens is not fed through the layers.
    expect([...trace.tokenIds!]).toEqual([...prompt.token_ids, ...prompt.greedy_ids.slice(0, 4)]);
    expect([...trace.positions]).toEqual(Array.from({ length: promptLength + 4 }, (_, position) => position));
    expect([...trace.phases]).toEqual([...Array<number>(promptLength).fill(0), 1, 1, 1, 1]);
    for (let token = 0; token < promptLength; token++) {
      for (let layer = 0; layer < 6; layer++) expect([...routeOf(trace, token, layer)].sort()).toEqual([...prompt.experts[layer]![token]!].sort());
    }
    const { results } = await simulated(file, '--policy', 'lru');
    expect(results[0]!.hits + results[0]!.misses).toBe(trace.expertIds.length);
  });

  test('a file that cannot be written is an error', async () => {
    const words = ['--prompt', 'Once', '--no-chat', '--max-tokens', '1', '--backend', 'cpu', '--out', join(folder, 'no', 'such', 'folder')];
    expect(await failureOf('trace', ...words)).toMatchObject({ code: 'invalid-argument' });
  });
});

describe('metrics', () => {
  const TRACE = sequenceHeads(decodeTrace(readFileSync(ROUTES)), 64);

  test('are those of the trace, in all and for each layer', async () => {
    const { status, stdout } = await run('metrics', ROUTES, '--tokens', '64', '--json');
    expect(status, stdout).toBe(0);
    const { trace, verdict, srp16, sch16, reuse, sparsity, layers } = JSON.parse(stdout) as Metrics;
    expect(trace).toEqual({ layerCount: 6, expertCount: 32, topK: 4, tokenCount: 7 * 64 });
    expect({ verdict, srp16, sch16 }).toEqual(offloadingVerdict(TRACE));
    expect(reuse).toBe(reuseRatio(TRACE));
    // One token leaves 28 of 32 experts unused.
    expect(sparsity[0]).toEqual({ chunkTokens: 1, sparsity: 28 / 32 });
    expect(layers.map(({ layer, reuse, entropy }) => [layer, reuse, entropy])).toEqual(
      Array.from({ length: 6 }, (_, layer) => [layer, reuseRatio(TRACE, layer), loadImbalance(TRACE, layer).entropy]),
    );
  });

  test('of two traces have their divergence, which is none of a trace from itself', async () => {
    const { stdout } = await run('metrics', ROUTES, '--tokens', '64', '--against', ROUTES, '--json');
    expect((JSON.parse(stdout) as Metrics).layers.map(({ divergence }) => divergence)).toEqual(Array.from({ length: 6 }, () => 0));
    expect((await failureOf('metrics', ROUTES, '--against', 'synthetic:olmoe')).message).toMatch(/different models|synthetic/);
  });

  test('in words and a table for people', async () => {
    const { status, stdout } = await run('metrics', ROUTES, '--tokens', '64', '--against', ROUTES);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^448 tokens, 6 layers, 4 of 32 experts\nOffloading: (good|fair|doubtful|poor)\. SRP\(16\) 0\.\d{3}; SCH\(16\) 0\.\d{3} with 4 slots a layer/,
    );
    expect(stdout.trim().split('\n').at(-1)).toMatch(/^\| 5 \| 0\.\d{3} \|.*\| 0\.000 \|$/);
  });
});

describe('simulate', () => {
  test('counts for each policy and budget', async () => {
    const { trace, results } = await simulated(ROUTES, '--policy', 'lru/none,forecast,belady', '--budget', '25%,50%', '--tokens', '256');
    expect(trace.tokenCount).toBe(7 * 256);
    expect(results.map(({ policy, budget, slotCount }) => [policy, budget, slotCount])).toEqual([
      ['lru/none', '25%', 48],
      ['lru/none', '50%', 96],
      ['forecast', '25%', 48],
      ['forecast', '50%', 96],
      ['belady', '25%', 48],
      ['belady', '50%', 96],
    ]);
    const [lru, , forecast, , belady] = results.map(({ hitRate }) => hitRate);
    expect(lru).toBeLessThan(forecast!);
    expect(forecast).toBeLessThan(belady!);
    for (const result of results) {
      expect(result.bytes).toBe(result.misses * 1_000_000);
      expect(result.hits + result.misses).toBe(7 * 256 * 24);
      expect(result.missPairs).toBeLessThanOrEqual(7 * 256 * 6);
      // All experts together are less than one GiB.
      expect(result.gainOfOneGiB).toBeGreaterThan(1 - result.hitRate - 0.05);
    }
  });

  test('a budget in bytes, a predictor, the verdict', async () => {
    const words = ['--budget', '10MB,200MB', '--expert-bytes', '1MB', '--predictor', 'markov-2', '--tokens', '64'];
    const { results } = await simulated(ROUTES, ...words);
    expect(results.map(({ slotCount, verdict }) => [slotCount, verdict])).toEqual([
      [10, 'below-cycle'],
      [192, 'ok'],
    ]);
    expect(results[0]!.prefetch!.loads).toBeGreaterThan(0);
  });

  test('prints a table for people', async () => {
    const { status, stdout } = await run('simulate', ROUTES, '--policy', 'all', '--budget', '25%,50%', '--tokens', '64');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\| policy \| 25% \| 50% \|\n\| --- \| ---: \| ---: \|\n\| forecast \| \d\d\.\d \| \d\d\.\d \|\n/);
    expect(stdout.trim().split('\n').at(-2)).toMatch(/^\| belady \|/);
  });

  test('what cannot be is named', async () => {
    expect(await failureOf('simulate', join(folder, 'none'))).toMatchObject({ code: 'source-not-found' });
    writeFileSync(join(folder, 'text'), 'this is not a trace at all');
    expect(await failureOf('simulate', join(folder, 'text'))).toMatchObject({ code: 'file-corrupt' });
    expect((await failureOf('simulate', ROUTES, '--policy', 'mru')).message).toContain('"mru"');
    expect((await failureOf('simulate', ROUTES, '--predictor', 'oracle')).message).toContain('"oracle"');
    expect((await failureOf('simulate', ROUTES, '--budget', 'much')).message).toContain('--budget');
    expect((await failureOf('simulate', 'synthetic:gpt-9')).message).toContain('"gpt-9"');
  });
});
