// The vocabulary of the public API: what the engine, the worker client, the components and the terminal say to one another. Types only.

import type { ModelDescription } from './model-description';
import type { RoutingFrame } from './routing-frame';

export type BackendChoice = 'auto' | 'webgpu' | 'cpu';

/** A number of bytes, or a share of all experts such as "25%". */
export type Budget = number | `${number}%`;

export interface LoadOptions {
  readonly backend?: BackendChoice;
  /** What to hold where. Unset values are fitted to the machine. */
  readonly budget?: { readonly gpuBytes?: Budget; readonly ramBytes?: number };
  /** Which experts keep their GPU slots: "forecast" (default), "lru", "lfu", "lfru", "least-stale", or one of these with quotas, such as "lru/none". */
  readonly policy?: string;
  /** Layers that a step looks ahead past the one that misses an expert, so that one halt loads for all of them; 0: none. Unset: as far as it pays here. */
  readonly lookAheadLayers?: number;
  /** Longest context in tokens; at most what the model was made for. */
  readonly contextLength?: number;
  /** Where experts are stored. 'auto': the faster one of OPFS and IndexedDB, measured once; 'memory' where there is neither. */
  readonly store?: 'auto' | 'opfs' | 'indexeddb' | 'memory';
  readonly signal?: AbortSignal;
  /** Called until loading has ended; the last phase of a load that succeeds is 'ready'. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** "demo", "https://…/model.gguf", "hf:owner/repo/file.gguf", a path (Node), or files that the user picked. */
export type ModelSource = string | readonly File[];

export type LoadPhase = 'open' | 'trunk' | 'experts' | 'compile' | 'ready';

export interface LoadProgress {
  readonly phase: LoadPhase;
  readonly bytesDone: number;
  /** 0 when not known. */
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  /** Seconds left in this phase; undefined when it cannot be told. */
  readonly secondsLeft?: number;
}

export interface ModelInfo {
  /** general.name, or the file's name. */
  readonly name: string;
  readonly architecture: string;
  /** Where it was loaded from, as given ("demo", a URL, a file name). */
  readonly source: string;
  readonly isDemo: boolean;
  readonly layerCount: number;
  /** Indices of the layers with routed experts. Routing frames know only those, and number them without gaps. */
  readonly moeLayers: readonly number[];
  /** [layer] routed experts; 0 for a dense layer. */
  readonly expertCounts: readonly number[];
  readonly expertsPerToken: number;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly parameterCount: number;
  readonly trunkBytes: number;
  readonly expertBytes: number;
  readonly expertTotalBytes: number;
  readonly hasChatTemplate: boolean;
  readonly backend: 'webgpu' | 'cpu';
  readonly adapter: string;
  readonly isSoftwareAdapter: boolean;
  /** Why the CPU is used although nobody asked for it; undefined otherwise. For the notice on the page. */
  readonly fallbackReason?: string;
  /** Where the model is stored; undefined when it is not. */
  readonly storage?: StorageReport;
  /** Other things the user should know (storage is not persistent, …). */
  readonly notices: readonly string[];
}

export interface StoreRates {
  readonly readBytesPerSecond: number;
  readonly writeBytesPerSecond: number;
}

export interface StorageReport {
  readonly kind: 'opfs' | 'indexeddb' | 'memory';
  /** As measured at the first visit, if the choice was left to that. */
  readonly rates?: Readonly<Record<'opfs' | 'indexeddb', StoreRates>>;
}

/** A model that is stored for this site. */
export interface StoredModel {
  /** For `deleteStoredModel`. */
  readonly id: string;
  readonly name: string;
  /** Where it was loaded from. */
  readonly source: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsedAt: number;
  /** Everything is stored: it runs without a network. */
  readonly isComplete: boolean;
}

export interface SamplingOptions {
  /** 0 is greedy. Default 0.7. */
  readonly temperature?: number;
  /** 0 keeps all. */
  readonly topK?: number;
  /** 1 keeps all. */
  readonly topP?: number;
  /** 0 keeps all: tokens below minP · p(best) are dropped. */
  readonly minP?: number;
  /** 1 is off: logits of tokens already in the context are divided (positive) or multiplied (negative) by it. */
  readonly repetitionPenalty?: number;
  readonly seed?: number;
}

export interface GenerateRequest extends SamplingOptions {
  /** Prompt as token ids. */
  readonly tokens: readonly number[];
  readonly maxTokens?: number;
  readonly stopStrings?: readonly string[];
  /** Besides the model's own. */
  readonly stopTokens?: readonly number[];
  readonly ignoreEos?: boolean;
}

export type FinishReason = 'stop' | 'length';

export interface GeneratedToken {
  readonly id: number;
  /** Text that became certain with this token; may be empty (half of a character, a stop string in the making). */
  readonly text: string;
  /** Natural log of the token's probability before penalties and truncation. */
  readonly logprob: number;
  /** Index in the answer, from 0. */
  readonly index: number;
  /** Position of this token in the context. Its route arrives in the routing frame with the same position. */
  readonly position: number;
}

export interface GenerateResult {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  readonly promptTokenCount: number;
  readonly stats: EngineStats;
}

export interface BudgetReport {
  /** What was asked for, in bytes. */
  readonly requestedGpuBytes: number;
  /** Bytes of all GPU slots now. */
  readonly gpuBytes: number;
  readonly gpuSlots: number;
  /** Slots that one step of one layer needs; the budget is raised to this. */
  readonly minimumGpuSlots: number;
  readonly ramBytes: number;
  /** Bytes of one token's cycle, Σ layers k · expert bytes: below this, most tokens halt at most layers. */
  readonly tokenCycleBytes: number;
  /** 'below-cycle': not even one token's experts fit; 'near-cycle': little more does, and hits fall steeply with every slot less. */
  readonly verdict: 'below-cycle' | 'near-cycle' | 'ok';
  /** The smallest budget that is comfortable. */
  readonly recommendedGpuBytes: number;
  /** Bytes of all experts. */
  readonly expertTotalBytes: number;
}

/** Parts of an answer's time that do not overlap, in milliseconds; what is missing to the whole is the host's own work. */
export interface AnswerTimes {
  /** Handing work to the device, and waiting for it: prompt chunks, and steps that went through. */
  readonly computeMs: number;
  /** Waiting for the device: steps that missed an expert. */
  readonly haltMs: number;
  /** While experts were waited for: reading them, checking them, handing them to the device, and the rest of that time. */
  readonly readMs: number;
  readonly checksumMs: number;
  readonly uploadMs: number;
  readonly waitMs: number;
}

/** Everything measured since load ("total" figures) and in the last answer ("last"). All counts, bytes and seconds; nothing estimated. */
export interface EngineStats {
  readonly backend: 'webgpu' | 'cpu';
  readonly adapter: string;
  /** Of the last answer. */
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly dispatchesPerToken: number;
  readonly readbacksPerToken: number;
  readonly buffersCreatedInDecode: number;
  /** (token, layer, k) look-ups in decode of the last answer that found the expert on the GPU, and that did not. */
  readonly expertHits: number;
  readonly expertMisses: number;
  /** Times decode of the last answer stopped for missing experts. */
  readonly halts: number;
  /** (token, layer) pairs in decode of the last answer that missed an expert: the halts that there would be without looking ahead. */
  readonly missingLayers: number;
  /** Experts brought to the GPU in decode of the last answer; of those, on the word of the look-ahead; of those, used by the step. */
  readonly loads: { readonly all: number; readonly lookAhead: number; readonly lookAheadUsed: number };
  /** From the beginning of the last answer to its end, or to now. */
  readonly elapsedMs: number;
  /** Where that time went. */
  readonly times: AnswerTimes;
  /** Bytes read for experts in the last answer, by the tier they came from. */
  readonly bytesRead: { readonly ram: number; readonly disk: number; readonly network: number };
  /** Bytes written to the GPU in the last answer. */
  readonly bytesUploaded: number;
  /** Bytes held now, by tier; the trunk is apart. */
  readonly bytesHeld: { readonly gpuExperts: number; readonly gpuTrunk: number; readonly gpuOther: number; readonly ram: number; readonly disk: number };
  /** Experts held now, by tier (an expert can be in several). */
  readonly expertsHeld: { readonly gpu: number; readonly ram: number; readonly disk: number; readonly total: number };
  readonly budget: BudgetReport;
  /** Which experts keep their slots: the name of the cache policy. */
  readonly policy: string;
  /** Kind of the expert store: 'opfs', 'indexeddb', 'memory' or 'none'. */
  readonly store: string;
  /** Records found corrupt and fetched again, since load. */
  readonly recordsRepaired: number;
  /** What came up since load and the user should know (no room to store more, …); those of the load itself are in ModelInfo. */
  readonly notices: readonly string[];
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** OpenAI's request fields that Sluice takes; others are refused by name. */
export interface CompletionOptions {
  readonly stream?: boolean;
  readonly max_tokens?: number;
  readonly temperature?: number;
  readonly top_p?: number;
  /** Unset: another one for each answer. */
  readonly seed?: number;
  readonly stop?: string | readonly string[];
  /** Beyond OpenAI's, as other local servers name them. */
  readonly top_k?: number;
  readonly min_p?: number;
  readonly repetition_penalty?: number;
  readonly ignore_eos?: boolean;
  readonly signal?: AbortSignal;
}

export interface ChatCompletionRequest extends CompletionOptions {
  readonly messages: readonly ChatMessage[];
  /** Of the tokens drawn; text completions have them in `sluice.tokens`. */
  readonly logprobs?: boolean;
}

export interface TextCompletionRequest extends CompletionOptions {
  /** Text, or token ids. */
  readonly prompt: string | readonly number[];
}

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

interface ChunkBase {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** A piece of a streamed answer. `sluice` is ours: the tokens behind the text. The last chunk has finish_reason, usage and stats. */
interface SluiceExtras {
  readonly sluice?: { readonly tokens?: readonly GeneratedToken[]; readonly stats?: EngineStats };
}

export interface ChatCompletionChunk extends ChunkBase, SluiceExtras {
  readonly object: 'chat.completion.chunk';
  readonly choices: ReadonlyArray<{
    readonly index: 0;
    readonly delta: { readonly role?: 'assistant'; readonly content?: string };
    readonly logprobs?: ChoiceLogprobs | null;
    readonly finish_reason: FinishReason | null;
  }>;
  readonly usage?: Usage;
}

export interface ChatCompletion extends ChunkBase, SluiceExtras {
  readonly object: 'chat.completion';
  readonly choices: ReadonlyArray<{
    readonly index: 0;
    readonly message: { readonly role: 'assistant'; readonly content: string };
    readonly logprobs?: ChoiceLogprobs | null;
    readonly finish_reason: FinishReason;
  }>;
  readonly usage: Usage;
}

export interface TextCompletionChunk extends ChunkBase, SluiceExtras {
  readonly object: 'text_completion';
  readonly choices: ReadonlyArray<{ readonly index: 0; readonly text: string; readonly finish_reason: FinishReason | null }>;
  readonly usage?: Usage;
}

export type TextCompletion = TextCompletionChunk & { readonly usage: Usage };

export interface ChoiceLogprobs {
  readonly content: ReadonlyArray<{ readonly token: string; readonly logprob: number; readonly bytes: readonly number[] | null }>;
}

/** The engine as pages see it. `Engine.load` in a page gives one backed by a worker. */
export interface EngineApi {
  readonly model: ModelInfo;
  readonly chat: {
    readonly completions: {
      create(request: ChatCompletionRequest & { readonly stream: true }): Promise<AsyncIterable<ChatCompletionChunk>>;
      create(request: ChatCompletionRequest & { readonly stream?: false }): Promise<ChatCompletion>;
    };
  };
  readonly completions: {
    create(request: TextCompletionRequest & { readonly stream: true }): Promise<AsyncIterable<TextCompletionChunk>>;
    create(request: TextCompletionRequest & { readonly stream?: false }): Promise<TextCompletion>;
  };
  tokenize(text: string): Promise<readonly number[]>;
  detokenize(tokens: readonly number[]): Promise<string>;
  /** Routing as it happens, from now on; at most one frame per animation frame. Ends when the engine is disposed or the loop is left. */
  routing(): AsyncIterable<RoutingFrame>;
  stats(): Promise<EngineStats>;
  /** What the model's file holds, and what it needs on the GPU at several budgets. */
  describe(): Promise<ModelDescription>;
  setBudget(budget: { readonly gpuBytes?: Budget; readonly ramBytes?: number }): Promise<BudgetReport>;
  /** Settles with the error when the worker dies by itself. After a lost GPU device the next request opens the model again. */
  readonly failed: Promise<import('./errors').EngineError>;
  dispose(): Promise<void>;
}
