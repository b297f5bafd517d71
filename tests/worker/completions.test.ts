// OpenAI's shapes around a scripted answer: what is asked of the engine, what is made of its pieces, and what is refused before it is asked.

import { describe, expect, test } from 'vitest';
import type { ChatCompletionRequest, EngineStats, GeneratedToken, TextCompletionRequest } from '../../src/core/api';
import { EngineError } from '../../src/core/errors';
import { type AnswerPiece, Completions, type StartAnswer } from '../../src/worker/completions';
import { expectEngineError } from '../support/expect-engine-error';

const STATS = { generatedTokens: 3 } as EngineStats;
const TOKENS: readonly GeneratedToken[] = ['Hal', '', 'lö'].map((text, index) => ({ id: 10 + index, text, logprob: -index, index, position: 5 + index }));
const END = { kind: 'end', rest: '!', finishReason: 'stop', promptTokenCount: 5, stats: STATS } as const satisfies AnswerPiece;
const MESSAGES = [{ role: 'user', content: 'Hi' }] as const;
const USAGE = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };

interface Started {
  readonly prompt: Parameters<StartAnswer>[0];
  readonly options: Parameters<StartAnswer>[1];
  readonly signal: AbortSignal | undefined;
}

/** Plays the same answer for every request and keeps what was asked. `wasLeft` tells whether the last answer was given up or read to its end. */
function scripted(pieces: ReadonlyArray<AnswerPiece | EngineError> = [...TOKENS.map((token) => ({ kind: 'token', token }) as const), END]) {
  const started: Started[] = [];
  let wasClosed = false;
  const startAnswer: StartAnswer = async (prompt, options, signal) => {
    started.push({ prompt, options, signal });
    wasClosed = false;
    return play();
  };
  async function* play(): AsyncGenerator<AnswerPiece> {
    try {
      for (const piece of pieces) {
        if (piece instanceof EngineError) throw piece;
        yield piece;
      }
    } finally {
      wasClosed = true;
    }
  }
  return { completions: new Completions('a model', startAnswer), started, wasClosed: () => wasClosed };
}

async function listOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of stream) list.push(item);
  return list;
}

describe('a chat', () => {
  test('as a whole', async () => {
    const { completions } = scripted();
    const { created, ...answer } = await completions.createChat({ messages: MESSAGES });
    expect(Math.abs(created - Date.now() / 1000)).toBeLessThan(60);
    expect(Number.isInteger(created)).toBe(true);
    expect(answer).toEqual({
      id: 'chatcmpl-1',
      model: 'a model',
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hallö!' }, finish_reason: 'stop' }],
      usage: USAGE,
      sluice: { tokens: TOKENS, stats: STATS },
    });
  });

  test('as a stream: the role, a delta for each token, then the end with usage and stats', async () => {
    const { completions } = scripted();
    const chunks = await listOf(await completions.createChat({ messages: MESSAGES, stream: true }));
    const delta = (token: GeneratedToken) => ({
      choices: [{ index: 0, delta: { content: token.text }, finish_reason: null }],
      sluice: { tokens: [token] },
    });
    expect(
      chunks.map(
        ({ id, created: _created, model, object, ...rest }) => (expect([id, model, object]).toEqual(['chatcmpl-1', 'a model', 'chat.completion.chunk']), rest),
      ),
    ).toEqual([
      { choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] },
      ...TOKENS.map(delta),
      { choices: [{ index: 0, delta: { content: '!' }, finish_reason: 'stop' }], usage: USAGE, sluice: { stats: STATS } },
    ]);
    expect(new Set(chunks.map(({ created }) => created)).size).toBe(1);
  });

  test('as a stream without text held back: the last delta is empty', async () => {
    const { completions } = scripted([{ ...END, rest: '', finishReason: 'length' }]);
    const chunks = await listOf(await completions.createChat({ messages: MESSAGES, stream: true }));
    expect(chunks.at(-1)?.choices).toEqual([{ index: 0, delta: {}, finish_reason: 'length' }]);
    expect(chunks.at(-1)?.usage).toEqual({ prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 });
  });

  test('with log-probabilities: bytes are those of the text', async () => {
    const expected = [
      { token: 'Hal', logprob: -0, bytes: [72, 97, 108] },
      { token: '', logprob: -1, bytes: [] },
      { token: 'lö', logprob: -2, bytes: [108, 0xc3, 0xb6] },
    ];
    const { completions } = scripted();
    const whole = await completions.createChat({ messages: MESSAGES, logprobs: true });
    expect(whole.choices[0]?.logprobs).toEqual({ content: expected });
    const chunks = await listOf(await completions.createChat({ messages: MESSAGES, logprobs: true, stream: true }));
    expect(chunks.slice(1, -1).map(({ choices }) => choices[0]?.logprobs)).toEqual(expected.map((entry) => ({ content: [entry] })));
  });

  test('asks the engine with the names that it knows', async () => {
    const { completions, started } = scripted();
    const signal = new AbortController().signal;
    const numbers = { max_tokens: 7, temperature: 0.5, top_p: 0.9, top_k: 3, min_p: 0.1, repetition_penalty: 1.2, seed: -4 };
    await completions.createChat({ messages: [...MESSAGES, { role: 'assistant', content: 'Yes' }], ...numbers, stop: ['a', 'b'], ignore_eos: true, signal });
    expect(started).toEqual([
      {
        prompt: { kind: 'chat', messages: [...MESSAGES, { role: 'assistant', content: 'Yes' }] },
        options: { maxTokens: 7, temperature: 0.5, topP: 0.9, topK: 3, minP: 0.1, repetitionPenalty: 1.2, seed: -4, stopStrings: ['a', 'b'], ignoreEos: true },
        signal,
      },
    ]);
  });

  test('sends nothing of a message but role and content', async () => {
    const { completions, started } = scripted();
    const message = { role: 'user', content: 'Hi', name: 'Ann', send: () => undefined };
    await completions.createChat({ messages: [message] } as unknown as ChatCompletionRequest & { stream: false });
    expect(started[0]?.prompt).toEqual({ kind: 'chat', messages: MESSAGES });
  });
});

describe('a text', () => {
  test('as a whole, from text and from tokens', async () => {
    const { completions, started } = scripted();
    const { created: _created, ...answer } = await completions.createText({ prompt: 'Once', stop: 'x' });
    expect(answer).toEqual({
      id: 'cmpl-1',
      model: 'a model',
      object: 'text_completion',
      choices: [{ index: 0, text: 'Hallö!', finish_reason: 'stop' }],
      usage: USAGE,
      sluice: { tokens: TOKENS, stats: STATS },
    });
    expect((await completions.createText({ prompt: [1, 2] })).id).toBe('cmpl-2');
    expect(started.map(({ prompt, options }) => [prompt, options.stopStrings])).toEqual([
      [{ kind: 'text', text: 'Once' }, ['x']],
      [{ kind: 'tokens', tokens: [1, 2] }, []],
    ]);
  });

  test('as a stream', async () => {
    const { completions } = scripted();
    const chunks = await listOf(await completions.createText({ prompt: 'Once', stream: true }));
    expect(chunks.map(({ object }) => object)).toEqual(Array.from({ length: 4 }, () => 'text_completion'));
    expect(chunks.map(({ choices, usage, sluice }) => ({ choices, usage, sluice }))).toEqual([
      ...TOKENS.map((token) => ({ choices: [{ index: 0, text: token.text, finish_reason: null }], usage: undefined, sluice: { tokens: [token] } })),
      { choices: [{ index: 0, text: '!', finish_reason: 'stop' }], usage: USAGE, sluice: { stats: STATS } },
    ]);
  });
});

describe('without a seed', () => {
  test('each answer has another one; a seed that is given is kept', async () => {
    const { completions, started } = scripted();
    for (const seed of [undefined, undefined, 0]) await completions.createText({ prompt: 'a', ...(seed === undefined ? {} : { seed }) });
    const seeds = started.map(({ options }) => options.seed);
    expect(seeds[0]).not.toBe(seeds[1]);
    expect(seeds.every(Number.isInteger)).toBe(true);
    expect(seeds[2]).toBe(0);
  });
});

test('null is as good as not given, as in JSON', async () => {
  const { completions, started } = scripted();
  const nothing = { max_tokens: null, temperature: null, seed: null, stop: null, logprobs: null, stream: null, signal: null, ignore_eos: null };
  await completions.createChat({ messages: MESSAGES, ...nothing } as unknown as ChatCompletionRequest & { stream: false });
  const { seed, ...options } = started[0]!.options;
  expect(options).toEqual({ stopStrings: [], ignoreEos: false });
  expect(seed).toBeTypeOf('number');
  expect(started[0]?.signal).toBeUndefined();
});

describe('an answer that fails', () => {
  const failure = new EngineError('device-lost', 'The GPU device was lost.', 'Try again.');
  const half = [{ kind: 'token', token: TOKENS[0]! } as const, failure];

  test('rejects as a whole', async () => {
    await expectEngineError(() => scripted(half).completions.createChat({ messages: MESSAGES }), 'device-lost');
    await expectEngineError(() => scripted(half).completions.createText({ prompt: 'a' }), 'device-lost');
  });

  test('throws in the stream after what was there', async () => {
    const texts: string[] = [];
    const stream = await scripted(half).completions.createText({ prompt: 'a', stream: true });
    await expectEngineError(async () => {
      for await (const { choices } of stream) texts.push(choices[0]!.text);
    }, 'device-lost');
    expect(texts).toEqual(['Hal']);
  });

  test('rejects before the stream when it cannot start', async () => {
    const completions = new Completions('a model', () => Promise.reject(failure));
    await expectEngineError(() => completions.createChat({ messages: MESSAGES, stream: true }), 'device-lost');
  });

  test('without an end is a bug that is told', async () => {
    await expectEngineError(() => scripted([]).completions.createText({ prompt: 'a' }), 'internal');
  });
});

test.each(['createChat', 'createText'] as const)('leaving the loop of %s ends the answer', async (name) => {
  const { completions, wasClosed } = scripted();
  const stream =
    name === 'createChat' ? await completions.createChat({ messages: MESSAGES, stream: true }) : await completions.createText({ prompt: 'a', stream: true });
  let count = 0;
  for await (const _chunk of stream) if (++count === 2) break;
  expect(wasClosed()).toBe(true);
});

describe('refused by name, before the engine is asked', () => {
  const REQUESTS: ReadonlyArray<readonly [field: string, fields: Record<string, unknown>]> = [
    ['temperature', { temperature: -1 }],
    ['temperature', { temperature: Number.NaN }],
    ['temperature', { temperature: '1' }],
    ['max_tokens', { max_tokens: 0 }],
    ['max_tokens', { max_tokens: 1.5 }],
    ['top_p', { top_p: 2 }],
    ['top_k', { top_k: -1 }],
    ['min_p', { min_p: 1.1 }],
    ['repetition_penalty', { repetition_penalty: 0 }],
    ['seed', { seed: 1.5 }],
    ['stop', { stop: 5 }],
    ['stop', { stop: '' }],
    ['stop', { stop: ['a', ''] }],
    ['stop', { stop: Array.from({ length: 17 }, String) }],
    ['stream', { stream: 'yes' }],
    ['ignore_eos', { ignore_eos: 1 }],
    ['signal', { signal: {} }],
    ['presence_penalty', { presence_penalty: 0 }],
    ['n', { n: 2 }],
  ];
  const CHATS: typeof REQUESTS = [
    ['messages', { messages: 'x' }],
    ['messages', { messages: undefined }],
    ['messages[0].role', { messages: [null] }],
    ['messages[0].role', { messages: [{ content: 'x' }] }],
    ['messages[1].content', { messages: [...MESSAGES, { role: 'user', content: ['x'] }] }],
    ['logprobs', { logprobs: 5 }],
    ['prompt', { prompt: 'x' }],
  ];
  const TEXTS: typeof REQUESTS = [
    ['prompt', { prompt: undefined }],
    ['prompt', { prompt: 5 }],
    ['prompt', { prompt: ['text', 'text'] }],
    ['logprobs', { logprobs: true }],
    ['messages', { messages: MESSAGES }],
  ];

  test.each([...REQUESTS, ...CHATS])('chat: %s in %o', async (field, fields) => {
    const { completions, started } = scripted();
    const request = { messages: MESSAGES, ...fields } as unknown as ChatCompletionRequest & { stream: true };
    await expectEngineError(() => completions.createChat(request), 'invalid-argument', field);
    expect(started).toEqual([]);
  });

  test.each([...REQUESTS, ...TEXTS])('text: %s in %o', async (field, fields) => {
    const { completions, started } = scripted();
    const request = { prompt: 'a', ...fields } as unknown as TextCompletionRequest & { stream: true };
    await expectEngineError(() => completions.createText(request), 'invalid-argument', field);
    expect(started).toEqual([]);
  });

  test.each([undefined, null, 'text'])('a request that is %s', async (request) => {
    const { completions } = scripted();
    await expectEngineError(() => completions.createChat(request as unknown as ChatCompletionRequest & { stream: true }), 'invalid-argument', 'messages');
  });
});
