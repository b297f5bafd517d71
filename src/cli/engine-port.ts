// What the terminal needs of an engine: the part of it that generate and logits use.

import type { BackendChoice, Budget, ChatMessage, GeneratedToken, GenerateRequest, GenerateResult, LoadProgress, ModelInfo } from '../core/api';
import type { Trace } from '../probe/trace';

export interface EngineOptions {
  readonly backend: BackendChoice;
  readonly gpuBudget?: Budget;
  readonly contextLength?: number;
  readonly policy?: string;
  readonly lookAheadLayers?: number;
  readonly store: 'auto' | 'memory';
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LoadProgress) => void;
}

/** The experts of one token in one layer, strongest first. */
export interface Route {
  readonly experts: readonly number[];
  readonly weights: readonly number[];
}

export interface TerminalEngine {
  readonly model: ModelInfo;
  /** Control tokens such as "<|im_start|>" are read from the text: who types here also writes raw prompts. */
  tokenize(text: string): readonly number[];
  /** The prompt of a conversation, as the model's chat template writes it. Control tokens in the messages stay text. */
  formatChat(messages: readonly ChatMessage[]): readonly number[];
  generate(request: GenerateRequest, options: { readonly signal: AbortSignal; readonly onToken: (token: GeneratedToken) => void }): Promise<GenerateResult>;
  /** Logits of the last position, and [token][layer] the routes of all. */
  logits(
    tokens: readonly number[],
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly logits: ArrayLike<number>; readonly routes: ReadonlyArray<readonly Route[]> }>;
  /** Tells the routes of all that is run from now on, a few tokens at a time; views of memory that is written again. */
  onRouting(listener: (part: Trace) => void): void;
  dispose(): Promise<void>;
}

/** `model` as --model names it. */
export type OpenEngine = (model: string, options: EngineOptions) => Promise<TerminalEngine>;
