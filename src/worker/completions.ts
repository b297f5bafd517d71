// OpenAI's shapes around the engine's own: requests are checked and translated, tokens become chunks.

import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
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

const SHARED_FIELDS = [
  ...['stream', 'max_tokens', 'temperature', 'top_p', 'seed', 'stop', 'logprobs', 'top_k', 'min_p', 'repetition_penalty', 'ignore_eos', 'signal'],
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
    checkFields(request, ['messages', ...SHARED_FIELDS]);
    if (!Array.isArray(request.messages)) throw invalid('messages is not a list.', 'Give a list of { role, content }.');
    const pieces = await this.#start({ kind: 'chat', messages: request.messages }, generateOptions(request), request.signal);
    const head = this.#head('chatcmpl');
    return request.stream === true ? chatChunks(head, pieces, request.logprobs === true) : wholeChat(head, pieces, request.logprobs === true);
  }

  createText(request: TextCompletionRequest & { readonly stream: true }): Promise<AsyncIterable<TextCompletionChunk>>;
  createText(request: TextCompletionRequest & { readonly stream?: false }): Promise<TextCompletion>;
  async createText(request: TextCompletionRequest): Promise<AsyncIterable<TextCompletionChunk> | TextCompletion> {
    checkFields(request, ['prompt', ...SHARED_FIELDS]);
    const { prompt } = request;
    const isTokens = Array.isArray(prompt);
    if (typeof prompt !== 'string' && !isTokens) throw invalid('prompt is neither text nor token ids.', 'Give a string or a list of token ids.');
    const form: Prompt = typeof prompt === 'string' ? { kind: 'text', text: prompt } : { kind: 'tokens', tokens: prompt };
    const pieces = await this.#start(form, generateOptions(request), request.signal);
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

/** Numbers are checked where they are used, in the worker. */
function generateOptions(options: CompletionOptions): Omit<GenerateRequest, 'tokens'> {
  const stopStrings = options.stop === undefined ? [] : typeof options.stop === 'string' ? [options.stop] : options.stop;
  if (!Array.isArray(stopStrings) || stopStrings.length > MAX_STOP_STRINGS || stopStrings.some((stop) => typeof stop !== 'string' || stop === '')) {
    throw invalid('stop is not a list of strings.', `Give up to ${MAX_STOP_STRINGS} strings that are not empty.`);
  }
  const named = {
    maxTokens: options.max_tokens,
    temperature: options.temperature,
    topP: options.top_p,
    topK: options.top_k,
    minP: options.min_p,
    repetitionPenalty: options.repetition_penalty,
    seed: options.seed,
    ignoreEos: options.ignore_eos,
  };
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined && value !== null));
  return { ...given, stopStrings };
}

/** A field that would be ignored silently is refused by name. */
function checkFields(request: object, known: readonly string[]): void {
  const unknown = Object.entries(request).find(([name, value]) => value !== undefined && !known.includes(name));
  if (unknown) throw invalid(`The request has the field "${unknown[0]}", which is not supported.`, `Supported are ${known.join(', ')}.`);
}

function invalid(message: string, hint: string): EngineError {
  return new EngineError('invalid-argument', message, hint);
}
