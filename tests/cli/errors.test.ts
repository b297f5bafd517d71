// What goes wrong in the terminal, as a process of its own: status 1; with --json one document with the error on standard output and nothing else there;
// without it nothing on standard output, and on standard error what happened and what to do.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EngineErrorCode } from '../../src/core/errors';
import { text, tinyQwen3MoeFile, writeGguf, type WriterFile } from '../support/gguf-writer';
import { type ModelServer, nobodyListens, startModelServer } from '../support/model-server';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'sluice-errors-'));
let server: ModelServer;
let nobody: string;

beforeAll(async () => {
  server = await startModelServer();
  nobody = await nobodyListens();
  await sluice('--version'); // builds it when stale
}, 120_000);
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not with spawnSync, which would keep the server of this process from answering. */
function sluice(...words: string[]): Promise<Ended> {
  return start(words);
}

function start(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['src/tools/sluice.mjs', ...words], { cwd: ROOT, env: { ...process.env, ...environment }, timeout: 100_000 });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (stdout += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (stderr += piece));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function errorIn({ status, stdout }: Ended): PlainError {
  expect([status, stdout.split('\n').length], stdout).toEqual([1, 2]);
  const document = JSON.parse(stdout) as { readonly error: PlainError };
  expect(Object.keys(document)).toEqual(['error']);
  expect(Object.keys(document.error)).toEqual(['code', 'message', 'hint']);
  expect(document.error.hint).not.toBe('');
  return document.error;
}

async function expectError(words: readonly string[], code: EngineErrorCode, message = ''): Promise<PlainError> {
  const error = errorIn(await sluice(...words, '--json'));
  expect(error.code, error.message).toBe(code);
  expect(`${error.message} ${error.hint}`).toContain(message);
  return error;
}

/** The same without --json too. */
async function expectErrorInBothForms(words: readonly string[], code: EngineErrorCode, message = ''): Promise<void> {
  const [error, plain] = await Promise.all([expectError(words, code, message), sluice(...words)]);
  expect([plain.status, plain.stdout]).toEqual([1, '']);
  expect(plain.stderr).toContain(`sluice: ${error.message}\n${error.hint}\n`);
  expect(plain.stderr).not.toMatch(/^ {4}at /m);
}

const GOOD = tinyQwen3MoeFile();
const withMetadata = (key: string, value: string): WriterFile => ({
  ...GOOD,
  metadata: [...GOOD.metadata.filter(([name]) => name !== key), [key, text(value)] as const],
});

function path(name: string, bytes: Uint8Array): string {
  const made = join(folder, name);
  writeFileSync(made, bytes);
  return made;
}

describe('a model file', () => {
  const good = writeGguf(GOOD);
  const withoutTensor = { ...GOOD, tensors: GOOD.tensors.filter(({ name }) => name !== 'blk.0.attn_v.weight') };
  const ofType = (type: number): WriterFile => ({
    ...GOOD,
    tensors: GOOD.tensors.map((tensor) => (tensor.name === 'output_norm.weight' ? { ...tensor, type } : tensor)),
  });
  test.each<[title: string, model: string, code: EngineErrorCode, message: string]>([
    ['that is not there', join(folder, 'missing.gguf'), 'source-not-found', 'missing.gguf'],
    ['that is no model', path('text.gguf', new TextEncoder().encode('this is no model')), 'not-gguf', ''],
    ['that is cut', path('cut.gguf', good.subarray(0, good.byteLength - 1)), 'file-truncated', 'blk.1.ffn_down_exps.weight'],
    ['with an absurd count', path('count.gguf', writeGguf({ ...GOOD, tensorCount: 2n ** 60n })), 'file-corrupt', 'tensor count'],
    ['of another architecture', path('mamba.gguf', writeGguf(withMetadata('general.architecture', 'mamba'))), 'unsupported-architecture', 'mamba'],
    ['with an unknown block format', path('type.gguf', writeGguf(ofType(99))), 'unsupported-tensor-type', '99'],
    ['without a tensor', path('hole.gguf', writeGguf(withoutTensor)), 'tensor-missing', 'blk.0.attn_v.weight'],
  ])('%s', async (_title, model, code, message) => {
    await expectErrorInBothForms(['inspect', model], code, message);
    await expectError(['generate', '--backend', 'cpu', '--model', model, '--prompt', 'a'], code, message);
  });

  test('with an unknown tokenizer', async () => {
    const model = path('runes.gguf', writeGguf(withMetadata('tokenizer.ggml.model', 'runes')));
    await expectError(['tokenize', '--model', model, '--text', 'a'], 'unsupported-tokenizer', 'runes');
  });

  test('with a bad chat template: only chats fail', async () => {
    const model = path('template.gguf', writeGguf(withMetadata('tokenizer.chat_template', '{% for %}')));
    const words = ['generate', '--backend', 'cpu', '--model', model, '--prompt', 'a', '--max-tokens', '2'];
    await expectError(words, 'invalid-template');
    expect((await sluice(...words, '--no-chat', '--json')).status).toBe(0);
  });
});

describe('a server', () => {
  test('that is good is read, so that the others fail for their fault alone', async () => {
    const { status, stdout } = await sluice('inspect', `${server.origin}/good.gguf`, '--json');
    expect([status, (JSON.parse(stdout) as { architecture: string }).architecture]).toEqual([0, 'qwen3moe']);
  });

  test.each<[path: string, code: EngineErrorCode, message: string]>([
    ['/missing.gguf', 'source-not-found', '404'],
    ['/no-ranges.gguf', 'source-no-ranges', 'ignores range requests'],
    ['/private.gguf', 'source-network', '403'],
    ['/text.gguf', 'not-gguf', ''],
    ['/cut.gguf', 'file-truncated', ''],
  ])('with %s', async (path, code, message) => {
    await expectError(['inspect', server.origin + path], code, message);
  });

  test('that nobody reaches', () => expectErrorInBothForms(['inspect', `${nobody}/model.gguf`], 'source-network', nobody));
});

describe('a request', () => {
  const model = path('good.gguf', writeGguf(GOOD));
  const generate = ['generate', '--backend', 'cpu', '--model', model];
  test.each<[title: string, words: readonly string[], code: EngineErrorCode, message: string]>([
    ['with half an hf: address', ['inspect', 'hf:owner'], 'invalid-argument', 'hf:owner'],
    ['with a token that is none', [...generate, '--tokens', '1,2,x'], 'invalid-argument', '"x"'],
    ['with a token beyond the vocabulary', [...generate, '--tokens', '1,9999'], 'invalid-argument', '9999'],
    ['with an empty prompt', [...generate, '--prompt', '', '--no-chat'], 'invalid-argument', 'empty'],
    ['with a budget over 100%', [...generate, '--prompt', 'a', '--gpu-budget', '120%'], 'invalid-argument', '--gpu-budget'],
    ['with a budget that is none', [...generate, '--prompt', 'a', '--gpu-budget', 'lots'], 'invalid-argument', '--gpu-budget'],
    ['with a negative temperature', [...generate, '--prompt', 'a', '--temperature', '-1'], 'invalid-argument', '--temperature'],
    ['for no tokens', [...generate, '--prompt', 'a', '--max-tokens', '0'], 'invalid-argument', '--max-tokens'],
    ['with a context beyond the model', [...generate, '--prompt', 'a', '--context', '129'], 'invalid-argument', '128'],
    ['with tokens that fill the context', [...generate, '--tokens', Array.from({ length: 128 }, () => '1').join(',')], 'prompt-too-long', '128'],
    ['with text that fills the context', [...generate, '--prompt', 'fox '.repeat(200)], 'prompt-too-long', '128'],
    ['for logits of a token beyond the vocabulary', ['logits', '--backend', 'cpu', '--model', model, '--tokens', '300'], 'invalid-argument', '300'],
    ['for the text of such a token', ['detokenize', '--model', model, '--tokens', '300'], 'invalid-argument', '300'],
  ])('%s', async (_title, words, code, message) => {
    await expectError(words, code, message);
  });
});

describe('without a graphics adapter', () => {
  const NO_DRIVER = { VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };
  const generate = ['generate', '--model', path('good-2.gguf', writeGguf(GOOD)), '--prompt', 'a', '--max-tokens', '2', '--json'];

  test('--backend webgpu says so', async () => {
    expect(errorIn(await start([...generate, '--backend', 'webgpu'], NO_DRIVER))).toMatchObject({
      code: 'no-adapter',
      hint: expect.stringContaining('--backend cpu') as string,
    });
  });

  test('auto runs on the CPU, and says so on standard error', async () => {
    const { status, stdout, stderr } = await start(generate, NO_DRIVER);
    expect(status, stderr).toBe(0);
    expect((JSON.parse(stdout) as { stats: { backend: string } }).stats.backend).toBe('cpu');
    expect(stderr).toContain('Running on the CPU');
  });
});
