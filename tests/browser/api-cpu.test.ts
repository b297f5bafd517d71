// Answers through the worker, on the CPU backend: the shapes of the API, what stops an answer, what is refused. The demo model, so that texts are texts.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ChatCompletionRequest, LoadProgress, TextCompletionRequest } from '../../src/core/api';
import { Engine } from '../../src/worker/client';
import demoDescription from '../golden/demo-description.json';
import { expectEngineError } from '../support/expect-engine-error';
import { goldenPrompt } from '../support/golden';
import { tinyQwen3MoeFile, writeGguf } from '../support/gguf-writer';
import { GREEDY, answerOf, fileOf, idsOf, listOf, loadDemo, loadTiny } from '../support/page-engine';
import { partName, splitFile } from '../support/split-file';

const STORY = goldenPrompt('stories');
const CHAT = goldenPrompt('stories-chat');
const MESSAGES = [{ role: 'user', content: 'Tell me a story about a little fox named Pip.' }] as const;
/** The story's first words, without the model's chat template. */
const STORY_TEXT = 'Once upon a time, there was a little girl named Lily. One day, she';

let engine: Engine;
const progress: LoadProgress[] = [];
beforeAll(async () => {
  engine = await loadDemo({ backend: 'cpu', onProgress: (report) => progress.push(report) });
});
afterAll(() => engine.dispose());

test('loading reports its phases in bytes, and the model tells about itself', () => {
  expect([...new Set(progress.map(({ phase }) => phase))]).toEqual(['open', 'trunk', 'compile', 'experts', 'ready']);
  for (const [phase, bytesTotal] of [
    ['trunk', engine.model.trunkBytes],
    ['experts', engine.model.expertTotalBytes],
  ] as const) {
    const reports = progress.filter((report) => report.phase === phase);
    const done = reports.map(({ bytesDone }) => bytesDone);
    expect(new Set(reports.map((report) => report.bytesTotal))).toEqual(new Set([bytesTotal]));
    expect([done[0], done.at(-1)]).toEqual([0, bytesTotal]);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(reports.at(-1)?.bytesPerSecond).toBeGreaterThan(0);
  }
  expect(engine.model).toEqual({
    ...{
      name: 'moe-demo-21m',
      architecture: 'qwen3moe',
      source: 'demo',
      isDemo: true,
      layerCount: 6,
      moeLayers: [0, 1, 2, 3, 4, 5],
      expertCounts: [32, 32, 32, 32, 32, 32],
    },
    ...{ expertsPerToken: 4, hiddenSize: 256, vocabularySize: 4096, contextLength: 1024, parameterCount: 21_155_840, hasChatTemplate: true },
    ...{ trunkBytes: 2_580_480, expertBytes: 104_448, expertTotalBytes: 192 * 104_448 },
    ...{ backend: 'cpu', adapter: 'CPU', isSoftwareAdapter: false, storage: { kind: 'memory' }, notices: [] },
  });
});

test('the model is described to the byte', async () => {
  const description = await engine.describe();
  expect(description).toEqual(demoDescription);
  const { bytesHeld, budget } = await engine.stats();
  expect(description.needs.budgets.at(-1)).toMatchObject({ percent: 100, slotBytes: budget.gpuBytes, trunkBytes: bytesHeld.gpuTrunk });
});

test('a model in parts is opened from its files, in any order, and answers like the one in a single file', async () => {
  const open = (parts: readonly Uint8Array[]) =>
    Engine.load(parts.map((part, index) => fileOf(part, partName('tiny', index, parts.length))).toReversed(), { backend: 'cpu', store: 'memory' });
  const whole = await open([writeGguf(tinyQwen3MoeFile())]);
  const joined = await open(splitFile(tinyQwen3MoeFile(), 3, 2));
  expect(joined.model.parameterCount).toBe(whole.model.parameterCount);
  expect(await answerOf(joined, [5, 6, 7], 12)).toEqual(await answerOf(whole, [5, 6, 7], 12));
  await Promise.all([whole.dispose(), joined.dispose()]);
});

describe('an answer', () => {
  test('of a chat as a whole has the golden tokens of its template', async () => {
    const answer = await engine.chat.completions.create({ messages: MESSAGES, max_tokens: 16, ...GREEDY });
    expect(idsOf(answer)).toEqual(CHAT.greedyTokens.slice(0, 16));
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'moe-demo-21m',
      choices: [{ index: 0, message: { role: 'assistant', content: await engine.detokenize(idsOf(answer)) }, finish_reason: 'length' }],
      usage: { prompt_tokens: CHAT.tokens.length, completion_tokens: 16, total_tokens: CHAT.tokens.length + 16 },
    });
    expect(answer.id).toMatch(/^chatcmpl-/);
    expect(answer.choices[0]?.logprobs).toBeUndefined();
  });

  test('of a chat as a stream: the role, the tokens, the end', async () => {
    const chunks = await listOf(await engine.chat.completions.create({ messages: MESSAGES, max_tokens: 8, stream: true, ...GREEDY }));
    expect(chunks[0]?.choices).toEqual([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]);
    const tokens = chunks
      .slice(1, -1)
      .map(({ choices, sluice }) => ({ text: choices[0]?.delta.content, reason: choices[0]?.finish_reason, tokens: sluice?.tokens }));
    expect(tokens.map(({ tokens }) => tokens?.length)).toEqual(Array.from({ length: 8 }, () => 1));
    const generated = tokens.flatMap((chunk) => chunk.tokens ?? []);
    expect(generated.map(({ id }) => id)).toEqual(CHAT.greedyTokens.slice(0, 8));
    expect(generated.map(({ index, position }) => position - index)).toEqual(Array.from({ length: 8 }, () => CHAT.tokens.length));
    expect(tokens.map(({ text }) => text)).toEqual(generated.map(({ text }) => text));
    expect(tokens.every(({ reason }) => reason === null)).toBe(true);
    const last = chunks.at(-1);
    expect(last?.choices[0]).toMatchObject({ index: 0, finish_reason: 'length' });
    expect(last?.usage).toEqual({ prompt_tokens: CHAT.tokens.length, completion_tokens: 8, total_tokens: CHAT.tokens.length + 8 });
    expect(last?.sluice?.stats).toMatchObject({ backend: 'cpu', promptTokens: CHAT.tokens.length, generatedTokens: 8 });
    expect(new Set(chunks.map(({ id, object, created, model }) => JSON.stringify([id, object, created, model]))).size).toBe(1);
    expect(chunks[0]?.object).toBe('chat.completion.chunk');
  });

  test('of a text, from text and from tokens, is the golden one', async () => {
    const fromText = await engine.completions.create({ prompt: STORY_TEXT, max_tokens: 12, ...GREEDY });
    const fromTokens = await engine.completions.create({ prompt: STORY.tokens, max_tokens: 12, ...GREEDY });
    expect(idsOf(fromText)).toEqual(STORY.greedyTokens.slice(0, 12));
    expect(idsOf(fromTokens)).toEqual(STORY.greedyTokens.slice(0, 12));
    expect(fromText.object).toBe('text_completion');
    expect(fromText.choices).toEqual([{ index: 0, text: await engine.detokenize(idsOf(fromText)), finish_reason: 'length' }]);
    expect(fromText.usage).toEqual({ prompt_tokens: STORY.tokens.length, completion_tokens: 12, total_tokens: STORY.tokens.length + 12 });
  });

  test('of a text as a stream gives the text of the whole', async () => {
    const chunks = await listOf(await engine.completions.create({ prompt: STORY_TEXT, max_tokens: 6, stream: true, ...GREEDY }));
    const whole = await engine.completions.create({ prompt: STORY_TEXT, max_tokens: 6, ...GREEDY });
    expect(chunks.map(({ choices }) => choices[0]?.text).join('')).toBe(whole.choices[0]?.text);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, null, null, null, null, 'length']);
  });

  test('ends by itself with the stop token of the model, which is not part of it', async () => {
    const answer = await engine.chat.completions.create({ messages: [{ role: 'user', content: 'Hello' }], temperature: 0, max_tokens: 400 });
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(idsOf(answer)).not.toContain(4094);
    expect(answer.choices[0]?.message.content).not.toContain('<|im_end|>');
    expect(answer.usage.completion_tokens).toBe(idsOf(answer).length);
  });

  test('has log-probabilities when they are asked for', async () => {
    const answer = await engine.chat.completions.create({ messages: MESSAGES, max_tokens: 4, logprobs: true, ...GREEDY });
    const content = answer.choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join('')).toBe(answer.choices[0]?.message.content);
    for (const { token, logprob, bytes } of content) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(logprob).toBeGreaterThan(-5);
      expect(bytes).toEqual([...new TextEncoder().encode(token)]);
    }
  });
});

test('tokenize and detokenize are each other’s inverse', async () => {
  expect(await engine.tokenize(STORY_TEXT)).toEqual(STORY.tokens);
  expect(await engine.detokenize(STORY.tokens)).toBe(STORY_TEXT);
});

describe('sampling', () => {
  const draw = async (seed?: number): Promise<number[]> =>
    idsOf(
      await engine.completions.create({
        prompt: STORY_TEXT,
        max_tokens: 8,
        temperature: 1.5,
        top_k: 0,
        top_p: 1,
        ignore_eos: true,
        ...(seed === undefined ? {} : { seed }),
      }),
    );

  test('the same seed gives the same tokens, another one others, none another each time', async () => {
    const first = await draw(7);
    expect(await draw(7)).toEqual(first);
    expect(await draw(8)).not.toEqual(first);
    expect(await draw()).not.toEqual(await draw());
  });

  test('top_k 1 is greedy at any temperature', async () => {
    const answer = await engine.completions.create({ prompt: STORY.tokens, max_tokens: 6, temperature: 2, top_k: 1, ignore_eos: true });
    expect(idsOf(answer)).toEqual(STORY.greedyTokens.slice(0, 6));
  });
});

describe('stop strings', () => {
  const text = async (fields: Partial<TextCompletionRequest>): Promise<{ text: string; reason: string }> => {
    const { choices } = await engine.completions.create({ prompt: STORY_TEXT, max_tokens: 24, ...GREEDY, ...fields, stream: false });
    return { text: choices[0]?.text ?? '', reason: choices[0]?.finish_reason ?? '' };
  };

  test('end the text before them, one or the first of several', async () => {
    const whole = (await text({})).text;
    const words = whole.trim().split(' ');
    const [early, late] = [words[4]!, words[9]!];
    expect(await text({ stop: early })).toEqual({ text: whole.slice(0, whole.indexOf(early)), reason: 'stop' });
    expect(await text({ stop: [late, early] })).toEqual({ text: whole.slice(0, whole.indexOf(early)), reason: 'stop' });
  });

  test('that almost come are part of the text, also at its end', async () => {
    const whole = (await text({})).text;
    expect(await text({ stop: `${whole.slice(-5)}≠` })).toEqual({ text: whole, reason: 'length' });
  });

  test('never show in a stream', async () => {
    const stop = ' to the';
    const chunks = await listOf(await engine.completions.create({ prompt: STORY_TEXT, max_tokens: 24, stop, stream: true, ...GREEDY }));
    const texts = chunks.map(({ choices }) => choices[0]?.text ?? '');
    expect(texts.join('')).toBe(' wanted to go');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
  });
});

describe('stopping an answer', () => {
  const expectGoodAnswer = async (): Promise<void> => expect(await answerOf(engine, STORY.tokens, 6)).toEqual(STORY.greedyTokens.slice(0, 6));
  const long = { prompt: STORY.tokens, max_tokens: 500, ...GREEDY } as const;

  test('before it begins', async () => {
    const signal = AbortSignal.abort();
    await expectEngineError(() => engine.completions.create({ ...long, signal }), 'aborted');
    await expectEngineError(() => engine.chat.completions.create({ messages: MESSAGES, signal, stream: true }), 'aborted');
    await expectGoodAnswer();
  });

  test('between the start of a stream and its first token', async () => {
    const abort = new AbortController();
    const stream = await engine.completions.create({ ...long, stream: true, signal: abort.signal });
    abort.abort();
    await expectEngineError(() => listOf(stream), 'aborted');
    await expectGoodAnswer();
  });

  test('during a stream', async () => {
    const abort = new AbortController();
    let count = 0;
    await expectEngineError(async () => {
      for await (const _chunk of await engine.completions.create({ ...long, stream: true, signal: abort.signal })) if (++count === 3) abort.abort();
    }, 'aborted');
    expect(count).toBe(3);
    await expectGoodAnswer();
  });

  test('during a whole answer', async () => {
    const abort = new AbortController();
    const answer = engine.completions.create({ ...long, signal: abort.signal });
    setTimeout(() => abort.abort(), 300);
    await expectEngineError(() => answer, 'aborted');
    await expectGoodAnswer();
    expect((await engine.stats()).generatedTokens).toBe(6);
  });

  test('by leaving the loop: the worker goes on no further', async () => {
    const routing = engine.routing();
    let decodedTokens = 0;
    let isOver = false;
    const counting = (async () => {
      for await (const { phase, tokenCount } of routing) {
        if (phase === 'decode') decodedTokens += tokenCount;
        if (tokenCount > 0 && isOver) return;
      }
    })();
    let count = 0;
    for await (const _chunk of await engine.chat.completions.create({ messages: MESSAGES, max_tokens: 900, stream: true, ...GREEDY })) if (++count === 3) break;
    await expectGoodAnswer();
    isOver = true;
    await expectGoodAnswer();
    await counting;
    // 10 are those of the two good answers; a few were on their way when the loop was left.
    expect(decodedTokens).toBeLessThan(10 + 50);
  });

  test('while another runs ends the one and leaves the other', async () => {
    const abort = new AbortController();
    const first = engine.completions.create({ prompt: STORY.tokens, max_tokens: 12, ...GREEDY });
    const second = engine.completions.create({ ...long, signal: abort.signal });
    const third = engine.completions.create({ prompt: CHAT.tokens, max_tokens: 6, ...GREEDY });
    abort.abort();
    await expectEngineError(() => second, 'aborted');
    expect(idsOf(await first)).toEqual(STORY.greedyTokens.slice(0, 12));
    expect(idsOf(await third)).toEqual(CHAT.greedyTokens.slice(0, 6));
  });
});

describe('a bad request', () => {
  const SHARED: ReadonlyArray<readonly [field: string, fields: Record<string, unknown>]> = [
    ['temperature', { temperature: -1 }],
    ['max_tokens', { max_tokens: 0 }],
    ['top_p', { top_p: 2 }],
    ['seed', { seed: 1.5 }],
    ['stop', { stop: 5 }],
    ['frequency_penalty', { frequency_penalty: 1 }],
  ];
  const CHATS: typeof SHARED = [
    ['messages', { messages: 'x' }],
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'wizard', content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: null }] }],
  ];
  const TEXTS: typeof SHARED = [
    ['prompt', { prompt: undefined }],
    ['prompt', { prompt: '' }],
    ['prompt', { prompt: [] }],
    ['4096', { prompt: [1, 4096] }],
    ['-1', { prompt: [-1] }],
    ['1.5', { prompt: [1.5] }],
    ['undefined', { prompt: [1, , 2] }], // oxlint-disable-line no-sparse-arrays
    ['logprobs', { logprobs: true }],
  ];
  beforeEach(async () => expect(await answerOf(engine, STORY.tokens, 2)).toEqual(STORY.greedyTokens.slice(0, 2)));

  test.each([...SHARED, ...CHATS])('chat: %s in %o', async (field, fields) => {
    for (const stream of [true, false]) {
      const request = { messages: MESSAGES, max_tokens: 1, ...fields, stream } as unknown as ChatCompletionRequest & { stream: true };
      await expectEngineError(() => engine.chat.completions.create(request), 'invalid-argument', field);
    }
  });

  test.each([...SHARED, ...TEXTS])('text: %s in %o', async (field, fields) => {
    for (const stream of [true, false]) {
      const request = { prompt: STORY_TEXT, max_tokens: 1, ...fields, stream } as unknown as TextCompletionRequest & { stream: true };
      await expectEngineError(() => engine.completions.create(request), 'invalid-argument', field);
    }
  });

  test('a prompt that fills the context, as text, tokens and chat', async () => {
    const tokens = Array.from({ length: 1024 }, () => 5);
    await expectEngineError(() => engine.completions.create({ prompt: tokens }), 'prompt-too-long', '1024');
    await expectEngineError(() => engine.completions.create({ prompt: 'fox '.repeat(2000), stream: true }), 'prompt-too-long');
    await expectEngineError(() => engine.chat.completions.create({ messages: [{ role: 'user', content: 'fox '.repeat(2000) }] }), 'prompt-too-long');
  });

  test('max_tokens beyond the context gives what there is room for', async () => {
    const tiny = await loadTiny({ contextLength: 32 });
    const answer = await tiny.completions.create({ prompt: Array.from({ length: 28 }, (_, index) => index), max_tokens: 100, ...GREEDY });
    expect([idsOf(answer).length, answer.choices[0]?.finish_reason]).toEqual([4, 'length']);
    await tiny.dispose();
  });

  test('setBudget, tokenize, detokenize', async () => {
    for (const gpuBytes of ['200%', 'all', -1, Number.NaN, null, {}]) {
      await expectEngineError(() => engine.setBudget({ gpuBytes: gpuBytes as number }), 'invalid-argument', 'budget');
    }
    const before = (await engine.stats()).budget;
    await expectEngineError(() => engine.setBudget({ gpuBytes: '5%', ramBytes: -5 }), 'invalid-argument', 'ramBytes');
    await expectEngineError(() => engine.setBudget({ gpuBytes: '500%', ramBytes: 5 }), 'invalid-argument', '500%');
    expect((await engine.stats()).budget).toEqual(before);
    await expectEngineError(() => engine.tokenize(5 as unknown as string), 'invalid-argument', 'text');
    await expectEngineError(() => engine.detokenize([1, 99_999]), 'invalid-argument', '99999');
  });
});
