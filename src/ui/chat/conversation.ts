// One conversation with one engine: its turns, the answer that is being written, and how to stop it. Knows no elements; <sluice-chat> draws it.
// Chunks may come many times in an animation frame; turns change and callbacks run at most once in each.

import type { ChatMessage, EngineApi, EngineStats, FinishReason, GeneratedToken } from '../../core/api';
import { EngineError } from '../../core/errors';
import { OncePerFrame } from '../once-per-frame';
import type { ChatSettings } from '../model/settings';
import { completionOptions } from '../model/settings';

/** Turns kept on screen; older ones are dropped. */
export const MAX_TURNS = 100;

/** 'chat': through the model's chat template, with the turns before it. 'completion': the bare text, on its own. */
export type TurnKind = 'chat' | 'completion';
export type TurnStatus = 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed';

export interface Turn {
  readonly id: number;
  readonly kind: TurnKind;
  readonly prompt: string;
  readonly seed: number;
  answer: string;
  status: TurnStatus;
  tokenCount: number;
  promptTokenCount: number | undefined;
  /** Measured here from the arrival of tokens while it streams, then as the engine measured it. */
  tokensPerSecond: number;
  finishReason: FinishReason | undefined;
  stats: EngineStats | undefined;
  error: EngineError | undefined;
}

export interface ConversationCallbacks {
  readonly onChange: () => void;
  readonly onTokens: (tokens: readonly GeneratedToken[], text: string) => void;
  readonly onAnswer: (turn: Turn) => void;
  readonly onError: (error: EngineError) => void;
}

/** What a stream of either kind gives us of one chunk. */
interface Piece {
  readonly text: string;
  readonly tokens: readonly GeneratedToken[];
  readonly finishReason: FinishReason | null;
  readonly promptTokens: number | undefined;
  readonly stats: EngineStats | undefined;
}

export class Conversation {
  readonly #callbacks: ConversationCallbacks;
  #turns: Turn[] = [];
  #nextId = 1;
  #abort: AbortController | undefined;
  /** The last run of all; an engine is not asked again before its last run has ended. */
  #lastRun: { readonly engine: EngineApi; readonly ended: Promise<void> } | undefined;

  constructor(callbacks: ConversationCallbacks) {
    this.#callbacks = callbacks;
  }

  get turns(): readonly Turn[] {
    return this.#turns;
  }

  get isBusy(): boolean {
    return this.#abort !== undefined;
  }

  /** Asks for an answer; resolves when it is complete, stopped or failed. Never rejects: a failure is in the turn and goes to `onError`. */
  async send(engine: EngineApi, prompt: string, kind: TurnKind, settings: ChatSettings): Promise<void> {
    if (this.isBusy) return;
    const turn: Turn = {
      id: this.#nextId++,
      kind,
      prompt,
      seed: settings.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
      answer: '',
      status: 'waiting',
      tokenCount: 0,
      promptTokenCount: undefined,
      tokensPerSecond: NaN,
      finishReason: undefined,
      stats: undefined,
      error: undefined,
    };
    const before = this.#turns;
    this.#turns = [...before, turn].slice(-MAX_TURNS);
    const abort = new AbortController();
    this.#abort = abort;
    this.#callbacks.onChange();
    const previous = this.#lastRun;
    const ended = this.#run(engine, turn, before, settings, abort, previous?.engine === engine ? previous.ended : undefined);
    this.#lastRun = { engine, ended };
    await ended;
  }

  /** Writes one turn to its end, however it ends. */
  async #run(
    engine: EngineApi,
    turn: Turn,
    before: readonly Turn[],
    settings: ChatSettings,
    abort: AbortController,
    previousRun: Promise<void> | undefined,
  ): Promise<void> {
    try {
      await previousRun;
      if (!abort.signal.aborted) await this.#write(turn, openStream(engine, turn, before, settings, abort.signal));
      turn.status = abort.signal.aborted ? 'stopped' : 'done';
    } catch (thrown) {
      const error = EngineError.from(thrown);
      turn.status = abort.signal.aborted || error.code === 'aborted' ? 'stopped' : 'failed';
      if (turn.status === 'failed') turn.error = error;
    }
    if (this.#abort === abort) this.#abort = undefined;
    if (!this.#turns.includes(turn)) return;
    this.#callbacks.onChange();
    if (turn.error) this.#callbacks.onError(turn.error);
    else this.#callbacks.onAnswer(turn);
    if (turn.status === 'stopped' && turn.tokenCount > 0) await this.#askForStats(engine, turn);
  }

  /** Drops the last turn and asks again; with a new seed unless the settings fix one. */
  async regenerate(engine: EngineApi, settings: ChatSettings): Promise<void> {
    const last = this.#turns.at(-1);
    if (last === undefined || this.isBusy) return;
    this.#turns = this.#turns.slice(0, -1);
    await this.send(engine, last.prompt, last.kind, settings);
  }

  stop(): void {
    this.#abort?.abort();
  }

  /** Forgets all turns. An answer that is being written is stopped, and nothing is heard of it any more. */
  clear(): void {
    this.stop();
    this.#abort = undefined;
    this.#turns = [];
    this.#callbacks.onChange();
  }

  /** A stopped answer has no last chunk that would bring its figures. The next answer waits for this, so they are those of this one. */
  async #askForStats(engine: EngineApi, turn: Turn): Promise<void> {
    try {
      turn.stats = await engine.stats();
    } catch {
      return; // the engine is gone, which whoever needs it hears
    }
    if (this.#turns.includes(turn)) this.#callbacks.onChange();
  }

  async #write(turn: Turn, stream: AsyncIterable<Piece>): Promise<void> {
    let tokens: GeneratedToken[] = [];
    let text = '';
    let firstTokenMs = NaN;
    const deliver = new OncePerFrame(() => {
      const [newTokens, newText] = [tokens, text];
      tokens = [];
      text = '';
      turn.answer += newText;
      if (!this.#turns.includes(turn)) return;
      this.#callbacks.onChange();
      if (newTokens.length > 0 || newText !== '') this.#callbacks.onTokens(newTokens, newText);
    });
    try {
      for await (const piece of stream) {
        turn.status = 'streaming';
        text += piece.text;
        tokens.push(...piece.tokens);
        if (piece.tokens.length > 0) {
          const nowMs = performance.now();
          if (turn.tokenCount === 0) firstTokenMs = nowMs;
          else turn.tokensPerSecond = (turn.tokenCount + piece.tokens.length - 1) / ((nowMs - firstTokenMs) / 1000);
          turn.tokenCount += piece.tokens.length;
        }
        if (piece.promptTokens !== undefined) turn.promptTokenCount = piece.promptTokens;
        if (piece.finishReason !== null) turn.finishReason = piece.finishReason;
        if (piece.stats !== undefined) {
          turn.stats = piece.stats;
          turn.tokensPerSecond = piece.stats.decodeTokensPerSecond;
          turn.promptTokenCount = piece.stats.promptTokens;
        }
        deliver.request();
      }
    } finally {
      deliver.flush();
    }
  }
}

/** The messages to send for a turn: finished chat turns before it, and its prompt. */
export function messagesFor(before: readonly Turn[], prompt: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const turn of before) {
    if (turn.kind !== 'chat' || turn.answer === '' || turn.status === 'failed') continue;
    messages.push({ role: 'user', content: turn.prompt }, { role: 'assistant', content: turn.answer });
  }
  messages.push({ role: 'user', content: prompt });
  return messages;
}

async function* openStream(engine: EngineApi, turn: Turn, before: readonly Turn[], settings: ChatSettings, signal: AbortSignal): AsyncGenerator<Piece> {
  const options = { ...completionOptions(settings, turn.seed), stream: true as const, signal };
  if (turn.kind === 'chat') {
    for await (const chunk of await engine.chat.completions.create({ ...options, messages: messagesFor(before, turn.prompt) })) {
      const choice = chunk.choices[0];
      yield {
        text: choice?.delta.content ?? '',
        tokens: chunk.sluice?.tokens ?? [],
        finishReason: choice?.finish_reason ?? null,
        promptTokens: chunk.usage?.prompt_tokens,
        stats: chunk.sluice?.stats,
      };
    }
    return;
  }
  for await (const chunk of await engine.completions.create({ ...options, prompt: turn.prompt })) {
    const choice = chunk.choices[0];
    yield {
      text: choice?.text ?? '',
      tokens: chunk.sluice?.tokens ?? [],
      finishReason: choice?.finish_reason ?? null,
      promptTokens: chunk.usage?.prompt_tokens,
      stats: chunk.sluice?.stats,
    };
  }
}
