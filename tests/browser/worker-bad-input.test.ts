// What users, files, servers and browsers get wrong, through Engine.load: each is an EngineError of its code, whole on this side of the worker border, and an
// engine that was loaded before answers as before.

import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { cdp } from 'vitest/browser';
import type { LoadOptions, ModelSource } from '../../src/core/api';
import { EngineError, type EngineErrorCode } from '../../src/core/errors';
import { Engine } from '../../src/worker/client';
import { expectEngineError } from '../support/expect-engine-error';
import { goldenPrompt } from '../support/golden';
import { text, tinyQwen3Moe, tinyQwen3MoeFile, u32, writeGguf, type WriterFile, type WriterTensor, type WriterValue } from '../support/gguf-writer';
import { answerOf, fileOf, loadDemo, loadTiny } from '../support/page-engine';
import { type WatchedWorkers, isAlive, watchWorkers } from '../support/page-workers';

const MEMORY = { backend: 'cpu', store: 'memory' } as const;
const { origin, nobody } = inject('modelServer');

let engine: Engine;
let expected: readonly number[];
let workers: WatchedWorkers;
beforeAll(async () => {
  engine = await loadTiny();
  expected = await answerOf(engine);
  workers = watchWorkers();
});
afterEach(async () => {
  expect(await answerOf(engine)).toEqual(expected);
});
afterAll(async () => {
  workers.restore();
  await engine.dispose();
});

/** The load fails, and nothing is left of it. */
async function expectLoadError(source: ModelSource, code: EngineErrorCode, message?: RegExp | string, options: LoadOptions = {}): Promise<void> {
  const before = workers.started.length;
  await expectEngineError(() => Engine.load(source, { ...MEMORY, ...options }), code, message);
  for (const worker of workers.started.slice(before)) expect(await isAlive(worker, 100)).toBe(false);
}

const GOOD = tinyQwen3MoeFile();
const withMetadata = (key: string, value: WriterValue): WriterFile => ({
  ...GOOD,
  metadata: [...GOOD.metadata.filter(([name]) => name !== key), [key, value] as const],
});
const withTensor = (name: string, change: (tensor: WriterTensor) => WriterTensor[]): WriterFile => ({
  ...GOOD,
  tensors: GOOD.tensors.flatMap((tensor) => (tensor.name === name ? change(tensor) : [tensor])),
});

describe('a file', () => {
  const bytes = writeGguf(GOOD);
  const HUGE = 2n ** 60n;
  test.each<[title: string, bytes: Uint8Array, code: EngineErrorCode, message?: string]>([
    ['that is empty', new Uint8Array(0), 'not-gguf'],
    ['that is a web page', new TextEncoder().encode('<!doctype html><title>Not found</title>'), 'not-gguf'],
    ['of version 9', writeGguf({ ...GOOD, version: 9 }), 'unsupported-version', '9'],
    ['cut in its header', bytes.subarray(0, 3000), 'file-truncated'],
    ['cut in its last tensor', bytes.subarray(0, bytes.byteLength - 1), 'file-truncated', 'blk.1.ffn_down_exps.weight'],
    ['with an absurd number of tensors', writeGguf({ ...GOOD, tensorCount: HUGE }), 'file-corrupt', 'tensor count'],
    ['with an absurd number of metadata', writeGguf({ ...GOOD, metadataCount: HUGE }), 'file-corrupt', 'metadata count'],
    ['with an offset beyond it', writeGguf(withTensor('output_norm.weight', (tensor) => [{ ...tensor, offset: HUGE }])), 'file-corrupt', 'output_norm.weight'],
    ['of another architecture', writeGguf(withMetadata('general.architecture', text('mamba'))), 'unsupported-architecture', 'mamba'],
    ['with a block format nobody knows', writeGguf(withTensor('blk.0.attn_q.weight', (tensor) => [{ ...tensor, type: 99 }])), 'unsupported-tensor-type', '99'],
    ['without a tensor', writeGguf(withTensor('blk.1.attn_k.weight', () => [])), 'tensor-missing', 'blk.1.attn_k.weight'],
    [
      'with a tensor of other dimensions',
      writeGguf(withTensor('blk.0.attn_q.weight', (tensor) => [{ ...tensor, dimensions: [8, 8] }])),
      'tensor-mismatch',
      '8 × 8',
    ],
    ['whose metadata want another size', writeGguf(withMetadata('qwen3moe.embedding_length', u32(64))), 'tensor-mismatch', 'token_embd.weight'],
    ['with a number of layers beyond reason', writeGguf(withMetadata('qwen3moe.block_count', u32(4_000_000_000))), 'file-corrupt', 'block_count'],
    ['with an unknown tokenizer', writeGguf(withMetadata('tokenizer.ggml.model', text('runes'))), 'unsupported-tokenizer', 'runes'],
  ])('%s', async (_title, bytes, code, message) => {
    await expectLoadError([fileOf(bytes)], code, message);
  });

  test('with a bad chat template loads; chats fail, texts do not', async () => {
    const broken = await Engine.load([fileOf(writeGguf(withMetadata('tokenizer.chat_template', text('{% for %}'))))], MEMORY);
    const messages = [{ role: 'user', content: 'Hi' }] as const;
    await expectEngineError(() => broken.chat.completions.create({ messages }), 'invalid-template');
    await expectEngineError(() => broken.chat.completions.create({ messages, stream: true }), 'invalid-template');
    expect(await answerOf(broken)).toEqual(expected);
    await broken.dispose();
  });

  test('without a chat template says so, and to a chat too', async () => {
    const file = { ...GOOD, metadata: GOOD.metadata.filter(([name]) => name !== 'tokenizer.chat_template') };
    const plain = await Engine.load([fileOf(writeGguf(file))], MEMORY);
    expect(plain.model.hasChatTemplate).toBe(false);
    await expectEngineError(() => plain.chat.completions.create({ messages: [{ role: 'user', content: 'Hi' }] }), 'invalid-template', 'no chat template');
    await plain.dispose();
  });
});

describe('a server', () => {
  test('that is good is read, so that the others fail for their fault alone', async () => {
    const remote = await Engine.load(`${origin}/good.gguf`, MEMORY);
    expect(await answerOf(remote)).toEqual(expected);
    expect(remote.model.source).toBe(`${origin}/good.gguf`);
    await remote.dispose();
  });

  test.each<[path: string, code: EngineErrorCode, message?: string]>([
    ['/missing.gguf', 'source-not-found', '404'],
    ['/no-ranges.gguf', 'source-no-ranges', 'ignores range requests'],
    ['/hidden-range.gguf', 'source-no-ranges', 'Content-Range'],
    ['/private.gguf', 'source-network', '403'],
    ['/text.gguf', 'not-gguf'],
    ['/cut.gguf', 'file-truncated'],
  ])('with %s', async (path, code, message) => {
    await expectLoadError(origin + path, code, message);
  });
});

test('a server that nobody reaches: the error crosses the worker border whole', async () => {
  const error = await Engine.load(`${nobody}/model.gguf`, MEMORY).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  const { code, message, hint, cause, name } = error as EngineError;
  expect([code, name]).toEqual(['source-network', 'EngineError']);
  expect(message).toContain(nobody);
  expect(hint).toContain('CORS');
  expect(cause).toMatch(/^TypeError: /);
});

describe('a call', () => {
  const file = fileOf(tinyQwen3Moe());
  test.each<[title: string, source: unknown, options: unknown, message: string]>([
    ['with an address that is none', 'not an address', {}, 'not an address'],
    ['with an empty address', '', {}, 'address'],
    ['with half an hf: address', 'hf:owner', {}, 'hf:owner'],
    ['with another protocol', 'ftp://example.org/model.gguf', {}, 'ftp:'],
    ['with two files', [file, file], {}, '2 files'],
    ['with no file', [], {}, 'list of files'],
    ['with nothing', undefined, {}, 'list of files'],
    ['with what is no file', ['a'], {}, 'list of files'],
    ['with an unknown option', [file], { gpuBytes: 5 }, 'gpuBytes'],
    ['with an unknown backend', [file], { backend: 'cuda' }, 'cuda'],
    ['with an unknown store', [file], { store: 'floppy' }, 'floppy'],
    ['with a budget that is none', [file], { budget: { gpuBytes: 'all' } }, 'all'],
    ['with a negative RAM budget', [file], { budget: { ramBytes: -1 } }, 'ramBytes'],
    ['with a context of no tokens', [file], { contextLength: 0 }, 'contextLength'],
    ['with a context beyond the model', [file], { contextLength: 129 }, '128'],
  ])('%s', async (_title, source, options, message) => {
    await expectLoadError(source as ModelSource, 'invalid-argument', message, options as LoadOptions);
  });

  test('with a prompt longer than the context', async () => {
    const prompt = Array.from({ length: 128 }, () => 1);
    await expectEngineError(() => engine.completions.create({ prompt }), 'prompt-too-long', '128');
  });
});

/** Loads in workers that lack something. */
async function inWorld(prelude: string, body: () => Promise<void>): Promise<void> {
  const world = watchWorkers(prelude);
  try {
    await body();
  } finally {
    world.restore();
  }
}

describe('a browser without WebGPU', () => {
  const WITHOUT_GPU = `Object.defineProperty(navigator, 'gpu', { value: undefined });`;
  const WITHOUT_ADAPTER = `GPU.prototype.requestAdapter = async () => null;`;

  test.each([WITHOUT_GPU, WITHOUT_ADAPTER])('%s', async (prelude) => {
    await inWorld(prelude, async () => {
      const source = [fileOf(tinyQwen3Moe())];
      await expectEngineError(() => Engine.load(source, { backend: 'webgpu', store: 'memory' }), 'no-adapter');
      const onCpu = await Engine.load(source, { backend: 'auto', store: 'memory' });
      expect(onCpu.model).toMatchObject({ backend: 'cpu', adapter: 'CPU', fallbackReason: expect.stringMatching(/WebGPU/) as string });
      expect(await answerOf(onCpu)).toEqual(expected);
      await onCpu.dispose();
    });
  });
});

describe('a browser that stores nothing', () => {
  const WITHOUT_DATABASE = `Object.defineProperty(self, 'indexedDB', { value: undefined });`;
  const BLOCKED_DATABASE = `Object.defineProperty(self, 'indexedDB', { get() { throw new DOMException('blocked', 'SecurityError'); } });`;
  const REFUSING_DATABASE = `IDBFactory.prototype.open = () => { throw new DOMException('refused', 'SecurityError'); };`;

  test.each([WITHOUT_DATABASE, BLOCKED_DATABASE, REFUSING_DATABASE])('%s', async (prelude) => {
    await inWorld(prelude, async () => {
      const source = [fileOf(tinyQwen3Moe())];
      await expectEngineError(() => Engine.load(source, { backend: 'cpu', store: 'indexeddb' }), 'storage-unavailable');
      const inMemory = await Engine.load(source, { backend: 'cpu', store: 'auto' });
      expect(inMemory.model.notices).toEqual([expect.stringContaining('Nothing can be stored')]);
      expect((await inMemory.stats()).store).toBe('memory');
      expect(await answerOf(inMemory)).toEqual(expected);
      await inMemory.dispose();
    });
  });

  test('for want of room: the model runs, and says that it is not stored whole', async () => {
    const clear = () => cdp().send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb' });
    await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize: 4_000_000 });
    await clear();
    try {
      const crowded = await loadDemo({ backend: 'cpu', store: 'indexeddb', budget: { gpuBytes: '25%', ramBytes: 0 } });
      const golden = goldenPrompt('stories');
      expect(await answerOf(crowded, golden.tokens, 8)).toEqual(golden.greedyTokens.slice(0, 8));
      const { notices, expertsHeld, store } = await crowded.stats();
      expect(store).toBe('indexeddb');
      expect(expertsHeld.disk).toBeLessThan(expertsHeld.total);
      expect([...crowded.model.notices, ...notices].join(' ')).toMatch(/room|store more/);
      await crowded.dispose();
    } finally {
      await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin });
      await clear();
    }
  });
});
