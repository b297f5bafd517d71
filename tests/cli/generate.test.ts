// generate and logits on the CPU backend, against the golden outputs of the demo model.

import { expect, test } from 'vitest';
import { openTerminalEngine } from '../../src/cli/open-engine';
import { runTerminal } from '../../src/cli/run';
import type { EngineStats } from '../../src/core/api';
import golden from '../golden/demo-q8_0.json';
import { TestTerminal } from '../support/terminal';

interface Generated {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: string;
  readonly promptTokens: readonly number[];
  readonly stats: EngineStats;
}

async function runCpu(...words: string[]): Promise<TestTerminal & { status: number }> {
  const terminal = new TestTerminal();
  const status = await runTerminal([...words, '--backend', 'cpu'], terminal, openTerminalEngine);
  return Object.assign(terminal, { status });
}

async function generateJson(...words: string[]): Promise<Generated> {
  const { status, stdout } = await runCpu('generate', '--model', 'demo', ...words, '--json');
  expect(status, stdout).toBe(0);
  return JSON.parse(stdout) as Generated;
}

/** The engine's own tests take all of them. */
const PROMPTS = golden.prompts.slice(0, 2);

test.each(PROMPTS.map((prompt) => [prompt.domain, prompt] as const))('%s: the golden tokens, with a twentieth of the experts', async (_domain, prompt) => {
  const words = ['--temperature', '0', '--max-tokens', '8', '--ignore-eos', '--gpu-budget', '5%'];
  const { tokens, stats } = await generateJson('--tokens', prompt.token_ids.join(','), ...words);
  expect(tokens).toEqual(prompt.greedy_ids.slice(0, 8));
  expect(stats).toMatchObject({ backend: 'cpu', generatedTokens: 8, buffersCreatedInDecode: 0 });
  expect(stats.expertMisses).toBeGreaterThan(0);
});

test('--no-chat takes the prompt as it stands, control tokens included', async () => {
  for (const prompt of PROMPTS) {
    const { promptTokens } = await generateJson('--prompt', prompt.prompt, '--no-chat', '--max-tokens', '1');
    expect(promptTokens).toEqual(prompt.token_ids);
  }
});

test('a prompt is wrapped in the chat template unless --no-chat is given', async () => {
  const wrapped = await generateJson('--prompt', 'Tell me a story.', '--max-tokens', '1', '--seed', '1');
  const plain = await generateJson('--prompt', 'Tell me a story.', '--max-tokens', '1', '--seed', '1', '--no-chat');
  expect(wrapped.promptTokens[0]).toBe(4093); // <|im_start|>
  expect(plain.promptTokens).not.toContain(4093);
});

test('the same seed gives the same text, another seed another', async () => {
  const words = ['--prompt', 'Once upon a time', '--no-chat', '--max-tokens', '6', '--temperature', '1.5'];
  const first = await generateJson(...words, '--seed', '7');
  expect((await generateJson(...words, '--seed', '7')).tokens).toEqual(first.tokens);
  expect((await generateJson(...words, '--seed', '8')).tokens).not.toEqual(first.tokens);
});

test('--stop ends the text before the words', async () => {
  const words = ['--prompt', 'Once upon a time', '--no-chat', '--max-tokens', '12', '--temperature', '0'];
  const { text } = await generateJson(...words);
  const stop = text.split(' ')[3] ?? '';
  const stopped = await generateJson(...words, '--stop', stop);
  expect(stopped.finishReason).toBe('stop');
  expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
});

test('without --json the text streams to standard output, figures go to standard error', async () => {
  const words = ['--prompt', 'Once upon a time', '--no-chat', '--max-tokens', '8', '--temperature', '0'];
  const { text } = await generateJson(...words);
  const { status, stdout, stderr } = await runCpu('generate', ...words);
  expect([status, stdout]).toEqual([0, `${text}\n`]);
  expect(stderr).toMatch(/\(8 tokens · [\d.]+ tokens\/s · .* cpu: CPU\)\n$/);
});

test('cancelling in mid-answer is an error, and nothing but it is printed', async () => {
  const terminal = new TestTerminal();
  const words = ['generate', '--backend', 'cpu', '--prompt', 'Once upon a time', '--no-chat', '--ignore-eos', '--max-tokens', '1000', '--json'];
  const running = runTerminal(words, terminal, openTerminalEngine);
  setTimeout(() => terminal.cancel.abort(), 400);
  expect(await running).toBe(1);
  expect(JSON.parse(terminal.stdout)).toMatchObject({ error: { code: 'aborted' } });
});

test('a prompt longer than the context is refused', async () => {
  const tokens = Array.from({ length: 1024 }, () => 5).join(',');
  const { status, stdout } = await runCpu('generate', '--tokens', tokens, '--json');
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'prompt-too-long' } });
});

test('logits and routes are the golden ones', async () => {
  for (const prompt of PROMPTS) {
    const { status, stdout } = await runCpu('logits', '--tokens', prompt.token_ids.join(','), '--json');
    expect(status).toBe(0);
    const { logits, routes } = JSON.parse(stdout) as { logits: number[]; routes: Array<Array<{ experts: number[]; weights: number[] }>> };
    expect(normalisedError(logits, prompt.logits_last), prompt.domain).toBeLessThan(1e-6);
    const expected = prompt.token_ids.map((_, token) => prompt.experts.map((layer) => layer[token]));
    expect(routes.map((layers) => layers.map(({ experts }) => experts))).toEqual(expected);
    for (const { weights } of routes.flat()) expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
  }
});

/** Squared error over squared length of the reference. */
function normalisedError(values: readonly number[], reference: readonly number[]): number {
  expect(values.length).toBe(reference.length);
  const errors = reference.map((expected, index) => (expected - (values[index] ?? Number.NaN)) ** 2);
  return errors.reduce((sum, error) => sum + error, 0) / reference.reduce((sum, expected) => sum + expected ** 2, 0);
}
