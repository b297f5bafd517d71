// What crosses the worker border. Calls go through comlink; tokens and routing frames go over ports of their own, so that a stream of them never waits behind
// a call. Errors cross as plain data and are EngineErrors again on the other side.

import type {
  BudgetReport,
  Budget,
  ChatMessage,
  EngineStats,
  FinishReason,
  GeneratedToken,
  GenerateRequest,
  LoadOptions,
  LoadProgress,
  ModelInfo,
} from '../core/api';
import { EngineError, type PlainEngineError } from '../core/errors';
import type { ModelDescription } from '../core/model-description';
import type { RoutingFrame } from '../core/routing-frame';

/** A model as the worker can open it. */
export type WorkerModelSource =
  { readonly kind: 'url'; readonly url: string; readonly isDemo: boolean } | { readonly kind: 'files'; readonly files: readonly File[] };

export type WorkerLoadOptions = Omit<LoadOptions, 'signal' | 'onProgress'>;

/** A prompt in any of the forms that the API takes. */
export type Prompt =
  | { readonly kind: 'chat'; readonly messages: readonly ChatMessage[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] };

/** From the worker, over the port given to `load`. */
export interface EngineEvent {
  readonly type: 'progress';
  readonly progress: LoadProgress;
}

/** From the worker, over the port given to `generate`. */
export type GenerateEvent =
  | { readonly type: 'token'; readonly token: GeneratedToken }
  | {
      readonly type: 'done';
      /** Text that came after the last token's, because it had been held back. */
      readonly rest: string;
      readonly finishReason: FinishReason;
      readonly promptTokenCount: number;
      readonly stats: EngineStats;
    }
  | { readonly type: 'error'; readonly error: PlainEngineError };

/** To the worker, over the same port. */
export interface AbortMessage {
  readonly type: 'abort';
}

/** To the worker, over the port given to `routing`: send a frame as soon as there is something new. */
export interface NextFrameMessage {
  readonly type: 'next';
}

export type FrameEvent = { readonly type: 'frame'; readonly frame: RoutingFrame } | { readonly type: 'end' };

export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: PlainEngineError };

/** The object that comlink exposes. */
export interface WorkerApi {
  load(source: WorkerModelSource, options: WorkerLoadOptions, events: MessagePort): Promise<Reply<ModelInfo>>;
  /** Token ids of a prompt, checked against the context length. */
  prepare(prompt: Prompt): Promise<Reply<readonly number[]>>;
  /** Starts an answer; everything further goes over the port. */
  generate(request: GenerateRequest, port: MessagePort): void;
  tokenize(text: string): Promise<Reply<readonly number[]>>;
  detokenize(tokens: readonly number[]): Promise<Reply<string>>;
  routing(port: MessagePort): void;
  stats(): Promise<Reply<EngineStats>>;
  describe(): Promise<Reply<ModelDescription>>;
  setBudget(budget: { readonly gpuBytes?: Budget; readonly ramBytes?: number }): Promise<Reply<BudgetReport>>;
  dispose(): Promise<Reply<null>>;
}

export async function reply<T>(work: () => T | Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    return { ok: false, error: EngineError.from(thrown).toPlain() };
  }
}

/** The value of a reply; throws its error as an EngineError. */
export function unwrap<T>(answer: Reply<T>): T {
  if (answer.ok) return answer.value;
  throw EngineError.fromPlain(answer.error);
}
