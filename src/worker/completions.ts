// OpenAI's shapes around the engine's own: requests are checked and translated, tokens become chunks.

import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatMessage,
  ChoiceLogprobs,
  CompletionOptions,
  EngineStats,
  FinishReason,
  GeneratedToken,
  GenerateRequest,
  TextCompletion,
  TextCompletionChunk,
  TextCompletionRequest,
} from '../core/api';
import { EngineError } from '../core/errors';
import { MAX_TOKENS_RULE, type NumberRule, SAMPLING_RULES, checkNumber } from '../engine/generation';
import type { Prompt } from './protocol';

/** One step of an answer. */
export type AnswerPiece =
  | { readonly kind: 'token'; readonly token: GeneratedToken }
  | { readonly kind: 'end'; readonly rest: string; readonly finishReason: FinishReason; readonly promptTokenCount: number; readonly stats: EngineStats };

/** Starts an answer: rejects for what can be known before (a prompt that is too long, a bad option), gives its pieces otherwise. */
export type StartAnswer = (prompt: Prompt, options: Omit<GenerateRequest, 'tokens'>, signal: AbortSignal | undefined) => Promise<AsyncGenerator<AnswerPiece>>;

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** Fields that are numbers: OpenAI's name, the engine's, what it may be. */
const NUMBERS = [
  ['max_tokens', 'maxTokens', MAX_TOKENS_RULE],
  ['temperature', 'temperature', SAMPLING_RULES.temperature],
  ['top_p', 'topP', SAMPLING_RULES.topP],
  ['top_k', 'topK', SAMPLING_RULES.topK],
  ['min_p', 'minP', SAMPLING_RULES.minP],
  ['repetition_penalty', 'repetitionPenalty', SAMPLING_RULES.repetitionPenalty],
  ['seed', 'seed', SAMPLING_RULES.seed],
] as const satisfies ReadonlyArray<readonly [keyof CompletionOptions, keyof GenerateRequest, NumberRule]>;
const SWITCHES = ['stream', 'logprobs', 'ignore_eos'] as const;
const SHARED_FIELDS = [
  ...NUMBERS.map(([field]) => field),
  ...['stream', 'ignore_eos', 'stop', 'signal'],
  'model', // taken and ignored: an engine has one model
];
const MAX_STOP_STRINGS = 16;

export class Completions {
  readonly #start: StartAnswer;
  readonly #modelName: string;
  #count = 0;

  constructor(modelName: string, start: StartAnswer) {
    this.#modelName = modelName;
    this.#start = start;
  }

  createChat(request: ChatCompletionRequest & { readonly stream: true }): Promise<AsyncIterable<ChatCompletionChunk>>;
  createChat(request: ChatCompletionRequest & { readonly stream?: false }): Promise<ChatCompletion>;
  async createChat(request: ChatCompletionRequest): Promise<AsyncIterable<ChatCompletionChunk> | ChatCompletion> {
    checkFields(request, ['messages', 'logprobs', ...SHARED_FIELDS]);
    const messages = checkMessages(request.messages);
    const pieces = await this.#start({ kind: 'chat', messages }, generateOptions(request), request.signal ?? undefined);
    const head = this.#head('chatcmpl');
    return request.stream === true ? chatChunks(head, pieces, request.logprobs === true) : wholeChat(head, pieces, request.logprobs === true);
  }

  createText(request: TextCompletionRequest & { readonly stream: true }): Promise<AsyncIterable<TextCompletionChunk>>;
  createText(request: TextCompletionRequest & { readonly stream?: false }): Promise<TextCompletion>;
  async createText(request: TextCompletionRequest): Promise<AsyncIterable<TextCompletionChunk> | TextCompletion> {
    checkFields(request, ['prompt', ...SHARED_FIELDS]);
    const pieces = await this.#start(promptOf(request.prompt), generateOptions(request), request.signal ?? undefined);
    const head = this.#head('cmpl');
    return request.stream === true ? textChunks(head, pieces) : wholeText(head, pieces);
  }

  #head(prefix: string): Head {
    return { id: `${prefix}-${++this.#count}`, created: Math.floor(Date.now() / 1000), model: this.#modelName };
  }
}

async function* chatChunks(head: Head, pieces: AsyncGenerator<AnswerPiece>, hasLogprobs: boolean): AsyncGenerator<ChatCompletionChunk> {
  const chunk = (rest: Pick<ChatCompletionChunk, 'choices'> & Partial<ChatCompletionChunk>): ChatCompletionChunk => ({
    ...head,
    object: 'chat.completion.chunk',
    ...rest,
  });
  yield chunk({ choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] });
  let count = 0;
  for await (const piece of pieces) {
    if (piece.kind === 'token') {
      count++;
      const logprobs = hasLogprobs ? { logprobs: logprobsOf([piece.token]) } : {};
      yield chunk({ choices: [{ index: 0, delta: { content: piece.token.text }, ...logprobs, finish_reason: null }], sluice: { tokens: [piece.token] } });
    } else {
      const delta = piece.rest === '' ? {} : { content: piece.rest };
      yield chunk({
        choices: [{ index: 0, delta, finish_reason: piece.finishReason }],
        usage: usageOf(piece.promptTokenCount, count),
        sluice: { stats: piece.stats },
      });
    }
  }
}

async function* textChunks(head: Head, pieces: AsyncGenerator<AnswerPiece>): AsyncGenerator<TextCompletionChunk> {
  let count = 0;
  for await (const piece of pieces) {
    if (piece.kind === 'token') {
      count++;
      yield { ...head, object: 'text_completion', choices: [{ index: 0, text: piece.token.text, finish_reason: null }], sluice: { tokens: [piece.token] } };
    } else {
      yield {
        ...head,
        object: 'text_completion',
        choices: [{ index: 0, text: piece.rest, finish_reason: piece.finishReason }],
        usage: usageOf(piece.promptTokenCount, count),
        sluice: { stats: piece.stats },
      };
    }
  }
}

async function wholeChat(head: Head, pieces: AsyncGenerator<AnswerPiece>, hasLogprobs: boolean): Promise<ChatCompletion> {
  const { text, tokens, end } = await collect(pieces);
  const logprobs = hasLogprobs ? { logprobs: logprobsOf(tokens) } : {};
  return {
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, ...logprobs, finish_reason: end.finishReason }],
    usage: usageOf(end.promptTokenCount, tokens.length),
    sluice: { tokens, stats: end.stats },
  };
}

async function wholeText(head: Head, pieces: AsyncGenerator<AnswerPiece>): Promise<TextCompletion> {
  const { text, tokens, end } = await collect(pieces);
  return {
    ...head,
    object: 'text_completion',
    choices: [{ index: 0, text, finish_reason: end.finishReason }],
    usage: usageOf(end.promptTokenCount, tokens.length),
    sluice: { tokens, stats: end.stats },
  };
}

async function collect(pieces: AsyncGenerator<AnswerPiece>) {
  const tokens: GeneratedToken[] = [];
  let text = '';
  for await (const piece of pieces) {
    if (piece.kind === 'end') return { text: text + piece.rest, tokens, end: piece };
    tokens.push(piece.token);
    text += piece.token.text;
  }
  throw new EngineError('internal', 'The answer ended without an end.', 'This is a bug in Sluice; please report it.');
}

function usageOf(promptTokens: number, completionTokens: number) {
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens };
}

function logprobsOf(tokens: readonly GeneratedToken[]): ChoiceLogprobs {
  return { content: tokens.map(({ text, logprob }) => ({ token: text, logprob, bytes: [...new TextEncoder().encode(text)] })) };
}

/** What an engine's worker would refuse is refused here under the name that the caller gave it. */
function generateOptions(options: CompletionOptions): Omit<GenerateRequest, 'tokens'> {
  const stop: unknown = options.stop ?? [];
  const stopStrings: readonly unknown[] = typeof stop === 'string' ? [stop] : Array.isArray(stop) ? stop : [undefined];
  if (stopStrings.length > MAX_STOP_STRINGS || !stopStrings.every(isStopString)) {
    throw invalid('stop is not a list of strings.', `Give up to ${MAX_STOP_STRINGS} strings that are not empty.`);
  }
  const numbers = NUMBERS.flatMap(([field, name, rule]) => {
    const value: unknown = options[field] ?? undefined;
    return value === undefined ? [] : [[name, checkNumber(field, value, rule)] as const];
  });
  const given = Object.fromEntries(numbers);
  return { seed: randomSeed(), ...given, stopStrings, ignoreEos: options.ignore_eos === true };
}

function isStopString(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Who names no seed wants another answer each time. */
function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** Only what the engine reads, so that nothing else has to cross the worker border. Roles are checked by the chat template. */
function checkMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages)) throw invalid('messages is not a list.', 'Give a list of { role, content }.');
  return messages.map((message: { readonly role?: unknown; readonly content?: unknown } | null | undefined, index) => {
    const { role, content } = message ?? {};
    if (typeof role !== 'string') throw invalid(`messages[${index}].role is not text.`, 'Give each message the role "system", "user" or "assistant".');
    if (typeof content !== 'string') throw invalid(`messages[${index}].content is not text.`, 'Give each message its text as content.');
    return { role: role as ChatMessage['role'], content };
  });
}

function promptOf(prompt: unknown): Prompt {
  if (typeof prompt === 'string') return { kind: 'text', text: prompt };
  if (Array.isArray(prompt) && prompt.every((id) => typeof id === 'number')) return { kind: 'tokens', tokens: prompt };
  throw invalid('prompt is neither text nor token ids.', 'Give a string or a list of token ids.');
}

/** A field that would be ignored silently is refused by name. */
function checkFields(request: unknown, known: readonly string[]): void {
  if (typeof request !== 'object' || request === null) throw invalid('The request is not an object.', `Give an object with ${known[0]}.`);
  const fields: Readonly<Record<string, unknown>> = { ...request };
  const unknown = Object.keys(fields).find((name) => fields[name] !== undefined && !known.includes(name));
  if (unknown !== undefined) throw invalid(`The request has the field "${unknown}", which is not supported.`, `Supported are ${known.join(', ')}.`);
  for (const name of SWITCHES) {
    const value = fields[name] ?? false;
    if (typeof value !== 'boolean') throw invalid(`${name} is neither true nor false.`, 'Give true or false.');
  }
  const signal = fields['signal'] ?? undefined;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal is not an AbortSignal.', 'Give the signal of an AbortController.');
}

function invalid(message: string, hint: string): EngineError {
  return new EngineError('invalid-argument', message, hint);
}
