// One answer: token ids become text as they come, until a stop token, a stop string or the limit.

import type { GeneratedToken, GenerateRequest } from '../core/api';
import { EngineError } from '../core/errors';
import { DEFAULT_SAMPLING, MAX_STOP_TOKENS } from '../core/sampling';
import type { SamplingOptions } from '../core/api';
import type { TextStream } from '../model/tokenizer';
import { StopStrings } from './stop-strings';

export const DEFAULT_MAX_TOKENS = 512;

/** Collects tokens into text. The text of a stop token is never part of the answer. */
export class Answer {
  readonly tokens: number[] = [];
  text = '';
  finishReason: 'stop' | 'length' = 'length';
  readonly #stream: TextStream;
  readonly #stops: StopStrings;
  readonly #onToken: ((token: GeneratedToken) => void) | undefined;

  constructor(stream: TextStream, stopStrings: readonly string[], onToken: ((token: GeneratedToken) => void) | undefined) {
    this.#stream = stream;
    this.#stops = new StopStrings(stopStrings);
    this.#onToken = onToken;
  }

  /** Takes one drawn token; true when the answer ends with it. */
  push(id: number, logprob: number, position: number, isStop: boolean): boolean {
    if (isStop) {
      this.finishReason = 'stop';
      return true;
    }
    const text = this.#stops.push(this.#stream.push(id));
    this.text += text;
    this.tokens.push(id);
    this.#onToken?.({ id, text, logprob, index: this.tokens.length - 1, position });
    if (this.#stops.isStopped) this.finishReason = 'stop';
    return this.#stops.isStopped;
  }

  /** Text that was held back, now that the answer is over. Belongs to no token. */
  end(): string {
    const rest = this.#stops.isStopped ? '' : this.#stops.push(this.#stream.end()) + this.#stops.end();
    this.text += rest;
    return rest;
  }
}

export interface NumberRule {
  readonly low: number;
  readonly high: number;
  readonly isInteger?: boolean;
}

export const SAMPLING_RULES: Readonly<Record<keyof SamplingOptions, NumberRule>> = {
  temperature: { low: 0, high: 100 },
  topK: { low: 0, high: 1_000_000, isInteger: true },
  topP: { low: 0, high: 1 },
  minP: { low: 0, high: 1 },
  repetitionPenalty: { low: 0.01, high: 100 },
  seed: { low: -(2 ** 53), high: 2 ** 53, isInteger: true },
};

export const MAX_TOKENS_RULE: NumberRule = { low: 1, high: 1_000_000, isInteger: true };
export const LOOK_AHEAD_RULE: NumberRule = { low: 0, high: 4096, isInteger: true };
export const RAM_BYTES_RULE: NumberRule = { low: 0, high: Number.MAX_SAFE_INTEGER };

/** Defaults filled in, ranges checked. Throws 'invalid-argument' naming the field. */
export function resolveSampling(request: SamplingOptions): Required<SamplingOptions> {
  const resolved: Record<string, number> = {};
  for (const [name, rule] of Object.entries(SAMPLING_RULES) as Array<[keyof SamplingOptions, NumberRule]>) {
    resolved[name] = checkNumber(name, request[name] ?? DEFAULT_SAMPLING[name], rule);
  }
  return resolved as unknown as Required<SamplingOptions>;
}

export function checkNumber(name: string, value: unknown, { low, high, isInteger = false }: NumberRule): number {
  if (typeof value === 'number' && value >= low && value <= high && (!isInteger || Number.isInteger(value))) return value;
  throw new EngineError('invalid-argument', `${name} is ${String(value)}.`, `Give ${isInteger ? 'a whole number' : 'a number'} from ${low} to ${high}.`);
}

/** The model's stop tokens unless ignored, and the request's own. */
export function resolveStopTokens(request: GenerateRequest, modelStops: readonly number[]): number[] {
  const stops = [...new Set([...(request.ignoreEos ? [] : modelStops), ...(request.stopTokens ?? [])])];
  if (stops.length > MAX_STOP_TOKENS) {
    throw new EngineError('invalid-argument', `stopTokens has ${stops.length} tokens.`, `At most ${MAX_STOP_TOKENS} tokens can stop an answer.`);
  }
  return stops;
}

/** Throws unless the prompt is token ids of this vocabulary and leaves room for one more token. */
export function checkPrompt(tokens: readonly number[], vocabularySize: number, contextLength: number): void {
  if (tokens.length === 0) throw new EngineError('invalid-argument', 'The prompt is empty.', 'Give at least one token.');
  // By index: a list may have holes.
  const bad = Array.from(tokens).findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (bad !== -1)
    throw new EngineError(
      'invalid-argument',
      `The prompt contains ${tokens[bad]}, which is not a token.`,
      `Token ids are whole numbers from 0 to ${vocabularySize - 1}.`,
    );
  if (tokens.length >= contextLength) {
    throw new EngineError(
      'prompt-too-long',
      `The prompt has ${tokens.length} tokens; the context holds ${contextLength}, and the answer needs room too.`,
      'Shorten the prompt or start a new conversation.',
    );
  }
}
