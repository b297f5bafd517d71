import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openTerminalEngine } from '../../src/cli/open-engine';
import { runTerminal } from '../../src/cli/run';
import golden from '../golden/demo-q8_0.json';
import { TestTerminal } from '../support/terminal';

const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...words: string[]): Promise<TestTerminal & { status: number }> {
  const terminal = new TestTerminal();
  const status = await runTerminal(words, terminal, openTerminalEngine);
  return Object.assign(terminal, { status });
}

async function failureOf(...words: string[]): Promise<{ code: string; message: string; hint: string }> {
  const { status, stdout } = await run(...words, '--json');
  expect(status).toBe(1);
  const document = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
  expect(Object.keys(document)).toEqual(['error']);
  expect(Object.keys(document.error)).toEqual(['code', 'message', 'hint']);
  return document.error;
}

describe('inspect', () => {
  test('prints one JSON document about the demo model', async () => {
    const { status, stdout, stderr } = await run('inspect', 'demo', '--json');
    expect([status, stderr]).toEqual([0, '']);
    const document = JSON.parse(stdout) as Record<string, unknown>;
    expect(document).toMatchObject({
      architecture: 'qwen3moe',
      layerCount: 6,
      parameterCount: 21_155_840,
      contextLength: 1024,
      fileBytes: 22_764_288,
      // An expert is 3 matrices of 128 × 256 in Q8_0, 34 bytes for 32 weights.
      experts: { count: 192, bytes: 192 * 104_448, perLayer: 32, perToken: 4, bytesPerExpert: 104_448 },
    });
    const tensors = document['tensors'] as ReadonlyArray<{ sizeBytes: number }>;
    expect(document['trunkBytes']).toBe(tensors.reduce((total, { sizeBytes }) => total + sizeBytes, 0) - 192 * 104_448);
    expect(document).toMatchObject({ bytesByClass: { experts: 192 * 104_448, unused: 0 }, tokenizer: { model: 'gpt2' }, needs: { contextLength: 1024 } });
    expect(document['metadata']).toMatchObject({ 'tokenizer.ggml.tokens': { length: 4096 } });
  });

  test('prints a table for people', async () => {
    const { status, stdout } = await run('inspect', '--model', 'demo');
    expect(status).toBe(0);
    expect(stdout).toContain('32 per layer, 4 per token, 104 kB each, 20.1 MB in all');
    expect(stdout).toContain('6: 0–5 attention, 4 of 32 experts');
    expect(stdout).toContain('"activate":"softmax"');
    expect(stdout).toMatch(/ 25 % +13\.9 MB  48 experts 5\.0 MB, trunk 2\.\d MB, cache 6\.3 MB\n/);
  });
});

describe('tokenize and detokenize', () => {
  test.each(golden.prompts.map((prompt) => [prompt.domain, prompt] as const))('the %s prompt gives its golden ids and comes back', async (_domain, prompt) => {
    const there = await run('tokenize', '--model', 'demo', '--text', prompt.prompt, '--json');
    expect(JSON.parse(there.stdout)).toEqual({ tokens: prompt.token_ids });
    const back = await run('detokenize', '--tokens', prompt.token_ids.join(','), '--json');
    expect(JSON.parse(back.stdout)).toEqual({ text: prompt.prompt });
  });

  test('control tokens are read from the text unless it is to be taken as it stands', async () => {
    const text = ['--text', '<|im_end|>', '--json'];
    expect(JSON.parse((await run('tokenize', ...text)).stdout)).toEqual({ tokens: [4094] });
    const plain = JSON.parse((await run('tokenize', ...text, '--no-special')).stdout) as { tokens: number[] };
    expect(plain.tokens).not.toContain(4094);
    expect((await run('detokenize', '--tokens', plain.tokens.join(','))).stdout).toBe('<|im_end|>\n');
  });

  test('a token that is not in the vocabulary is refused', async () => {
    expect(await failureOf('detokenize', '--tokens', '1,4096')).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('4096') as string });
  });
});

describe('bad input', () => {
  test('a file that is not there, or is not a GGUF', async () => {
    const path = join(folder, 'text.gguf');
    writeFileSync(path, 'this is no model');
    expect(await failureOf('inspect', join(folder, 'missing.gguf'))).toMatchObject({ code: 'source-not-found' });
    expect(await failureOf('inspect', path)).toMatchObject({ code: 'not-gguf' });
    expect(await failureOf('generate', '--model', path, '--prompt', 'x')).toMatchObject({ code: 'not-gguf' });
  });

  test.each([
    [['generate'], 'either --prompt or --tokens'],
    [['generate', '--prompt', 'a', '--tokens', '1'], 'either --prompt or --tokens'],
    [['generate', '--prompt', 'a', '--temperature', 'hot'], '--temperature'],
    [['generate', '--prompt', 'a', '--gpu-budget', '120%'], '--gpu-budget'],
    [['generate', '--prompt', 'a', '--backend', 'cuda'], '--backend'],
    [['logits'], '--tokens'],
    [['logits', '--tokens', '1,x'], '"x"'],
    [['tokenize'], '--text'],
    [['inspect', 'a', 'b'], 'too many arguments'],
    [['translate'], 'translate'],
    [['generate', '--promt', 'a'], '--promt'],
  ])('%j is a usage error', async (words, part) => {
    const error = await failureOf(...words);
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toContain(part);
    expect(error.hint).not.toBe('');
  });

  test('no command gives the help on standard error', async () => {
    const { status, stdout, stderr } = await run();
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('Usage: sluice');
  });

  test('for people it is one sentence and a hint on standard error', async () => {
    const { status, stdout, stderr } = await run('logits', '--tokens', 'x');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe('sluice: --tokens has "x", which is not a token id.\nToken ids are whole numbers from 0.\n');
  });

  test('cancelling is an error of its own', async () => {
    const terminal = new TestTerminal();
    terminal.cancel.abort();
    expect(await runTerminal(['inspect', 'demo', '--json'], terminal, openTerminalEngine)).toBe(1);
    expect(JSON.parse(terminal.stdout)).toMatchObject({ error: { code: 'aborted' } });
  });
});

test('help and version go to standard output with status 0', async () => {
  const help = await run('--help');
  expect(help.status).toBe(0);
  for (const command of ['generate', 'logits', 'tokenize', 'detokenize', 'inspect']) expect(help.stdout).toContain(command);
  expect((await run('generate', '--help')).stdout).toContain('--gpu-budget <size>');
  expect((await run('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
