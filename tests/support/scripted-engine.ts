// A driver for the components, not an engine: it plays back. Routes and token ids are the recorded ones of tests/golden/demo-q8_0.json, the text is a recorded
// sample of the same model, the places of experts follow a small LRU, and time passes as the script says. It computes nothing and decides nothing; what it is
// good for is showing components every state in a chosen order.

import type {
  BudgetReport,
  ChatCompletionChunk,
  ChatCompletionRequest,
  EngineApi,
  EngineStats,
  GeneratedToken,
  LoadOptions,
  ModelInfo,
  ModelSource,
  TextCompletionChunk,
  TextCompletionRequest,
} from '../../src/core/api';
import { aborted, type EngineError } from '../../src/core/errors';
import type { ModelDescription } from '../../src/core/model-description';
import { TIER_INDEX, type RoutingFrame } from '../../src/core/routing-frame';
import description from '../golden/demo-description.json';
import golden from '../golden/demo-q8_0.json';

const LAYERS = 6;
const EXPERTS = 32;
const TOP_K = 4;
const EXPERT_BYTES = 104_448;
const EXPERT_TOTAL_BYTES = LAYERS * EXPERTS * EXPERT_BYTES;
const CYCLE_BYTES = LAYERS * TOP_K * EXPERT_BYTES;

export const RECORDED_ANSWER =
  'Long ago, in a small village, there lived a little fox named Pip. She liked to eat soup. One day, she wanted to go to the garden with her teddy bear, but it ' +
  'started to rain. Pip looked down and felt worried. Pip said, "Now I cannot play outside." Her big sister gave her a hug and said, "I have an idea. Let us ' +
  'build a fort with pillows!" So they did. Pip was very happy and smiled.\n\nThen the rain stopped.';

export interface Script {
  /** What every answer says; cut into words. */
  readonly answer?: string;
  readonly msPerToken?: number;
  /** Thrown instead of the token with this index. */
  readonly failAt?: { readonly index: number; readonly error: EngineError };
  readonly model?: Partial<ModelInfo>;
  /** What `describe` rejects with. */
  readonly describeError?: EngineError;
}

export const SCRIPTED_MODEL: ModelInfo = {
  name: 'moe-demo-21m',
  architecture: 'qwen3moe',
  source: 'demo',
  isDemo: true,
  layerCount: LAYERS,
  moeLayers: Array.from({ length: LAYERS }, (_, index) => index),
  expertCounts: Array.from({ length: LAYERS }, () => EXPERTS),
  expertsPerToken: TOP_K,
  hiddenSize: 256,
  vocabularySize: 4096,
  contextLength: 1024,
  parameterCount: 21_155_840,
  trunkBytes: 2_700_000,
  expertBytes: EXPERT_BYTES,
  expertTotalBytes: EXPERT_TOTAL_BYTES,
  hasChatTemplate: true,
  backend: 'webgpu',
  adapter: 'scripted',
  isSoftwareAdapter: false,
  notices: [],
};

/** Recorded routes, one after the other: [token] → [layer] → experts and weights. */
const recordedTokens = golden.prompts.flatMap((prompt) =>
  prompt.token_ids.map((_id, token) => ({
    experts: prompt.experts.map((layer) => layer[token] ?? []),
    weights: prompt.weights.map((layer) => layer[token] ?? []),
  })),
);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class ScriptedEngine implements EngineApi {
  readonly model: ModelInfo;
  readonly script: Script;
  readonly failed: Promise<EngineError>;
  /** Makes `failed` settle. */
  fail: (error: EngineError) => void = () => undefined;
  readonly chatRequests: ChatCompletionRequest[] = [];
  readonly textRequests: TextCompletionRequest[] = [];
  readonly budgetsSet: string[] = [];
  isDisposed = false;
  #listeners = new Set<(frame: RoutingFrame | undefined) => void>();
  #sequence = 0;
  #fed = 0;
  #budgetBytes = EXPERT_TOTAL_BYTES;
  #ramBytes = 256_000_000;
  /** [layer] experts with a slot, oldest first. */
  readonly #resident: number[][] = Array.from({ length: LAYERS }, () => []);
  #answer = { prompt: 0, generated: 0, hits: 0, misses: 0, halts: 0, rate: 0 };

  constructor(script: Script = {}) {
    this.script = script;
    this.model = { ...SCRIPTED_MODEL, ...script.model };
    this.failed = new Promise((resolve) => (this.fail = resolve));
  }

  readonly chat = { completions: { create: (request: ChatCompletionRequest) => this.#createChat(request) } } as EngineApi['chat'];
  readonly completions = { create: (request: TextCompletionRequest) => this.#createText(request) } as EngineApi['completions'];

  tokenize(text: string): Promise<readonly number[]> {
    return Promise.resolve(Array.from({ length: words(text).length }, (_, index) => index));
  }

  detokenize(): Promise<string> {
    return Promise.resolve('');
  }

  async *routing(): AsyncGenerator<RoutingFrame> {
    const waiting: (RoutingFrame | undefined)[] = [];
    let wake = (): void => undefined;
    const listener = (frame: RoutingFrame | undefined): void => {
      waiting.push(frame);
      wake();
    };
    this.#listeners.add(listener);
    try {
      for (;;) {
        while (waiting.length > 0) {
          const frame = waiting.shift();
          if (frame === undefined) return;
          yield frame;
        }
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  stats(): Promise<EngineStats> {
    const { prompt, generated, hits, misses, halts, rate } = this.#answer;
    const resident = this.#resident.reduce((sum, layer) => sum + layer.length, 0);
    return Promise.resolve({
      backend: this.model.backend,
      adapter: this.model.adapter,
      promptTokens: prompt,
      generatedTokens: generated,
      prefillTokensPerSecond: 210,
      decodeTokensPerSecond: rate,
      dispatchesPerToken: 51,
      readbacksPerToken: generated > 0 ? 1 + halts / generated : 0,
      buffersCreatedInDecode: 0,
      expertHits: hits,
      expertMisses: misses,
      halts,
      missingLayers: 2 * halts,
      loads: { all: misses, lookAhead: Math.floor(misses / 2), lookAheadUsed: Math.floor(misses / 3) },
      ...scriptedTimes(this.#answer),
      bytesRead: { ram: 0, disk: misses * EXPERT_BYTES, network: 0 },
      bytesUploaded: misses * EXPERT_BYTES,
      bytesHeld: { gpuExperts: resident * EXPERT_BYTES, gpuTrunk: 2_700_000, gpuOther: 4_100_000, ram: 0, disk: EXPERT_TOTAL_BYTES },
      expertsHeld: { gpu: resident, ram: 0, disk: LAYERS * EXPERTS, total: LAYERS * EXPERTS },
      budget: this.#report(),
      policy: 'forecast',
      store: 'indexeddb',
      recordsRepaired: 0,
      notices: [],
    });
  }

  /** The description of the demo model, which is what the recordings are of. */
  describe(): Promise<ModelDescription> {
    return this.script.describeError ? Promise.reject(this.script.describeError) : Promise.resolve(description as ModelDescription);
  }

  setBudget(budget: { readonly gpuBytes?: number | `${number}%`; readonly ramBytes?: number }): Promise<BudgetReport> {
    if (budget.ramBytes !== undefined) this.budgetsSet.push(`RAM ${budget.ramBytes}`);
    this.#ramBytes = budget.ramBytes ?? this.#ramBytes;
    const wish = budget.gpuBytes;
    if (wish === undefined) return Promise.resolve(this.#report());
    this.budgetsSet.push(String(wish));
    this.#budgetBytes = typeof wish === 'number' ? wish : (parseFloat(wish) / 100) * EXPERT_TOTAL_BYTES;
    return Promise.resolve(this.#report());
  }

  dispose(): Promise<void> {
    this.isDisposed = true;
    for (const listener of this.#listeners) listener(undefined);
    return Promise.resolve();
  }

  /** Sends a frame to everybody who listens. */
  broadcast(frame: RoutingFrame): void {
    for (const listener of this.#listeners) listener(frame);
  }

  #report(): BudgetReport {
    const slots = Math.max(TOP_K, Math.floor(this.#budgetBytes / EXPERT_BYTES));
    return {
      requestedGpuBytes: this.#budgetBytes,
      gpuBytes: slots * EXPERT_BYTES,
      gpuSlots: slots,
      minimumGpuSlots: TOP_K,
      ramBytes: this.#ramBytes,
      tokenCycleBytes: CYCLE_BYTES,
      expertTotalBytes: EXPERT_TOTAL_BYTES,
      verdict: this.#budgetBytes < CYCLE_BYTES ? 'below-cycle' : this.#budgetBytes < 2 * CYCLE_BYTES ? 'near-cycle' : 'ok',
      recommendedGpuBytes: EXPERT_TOTAL_BYTES / 4,
    };
  }

  #createChat(request: ChatCompletionRequest): Promise<AsyncIterable<ChatCompletionChunk>> {
    this.chatRequests.push(request);
    const base = { id: 'scripted', created: 0, model: this.model.name, object: 'chat.completion.chunk' as const };
    const promptLength = words(request.messages.map((message) => message.content).join(' ')).length + 8;
    const play = this.#play(promptLength, request.max_tokens ?? 200, request.signal);
    return Promise.resolve(
      (async function* (): AsyncGenerator<ChatCompletionChunk> {
        for await (const { token, last } of play) {
          yield token
            ? { ...base, choices: [{ index: 0, delta: { content: token.text }, finish_reason: null }], sluice: { tokens: [token] } }
            : { ...base, choices: [{ index: 0, delta: {}, finish_reason: last.finishReason }], usage: last.usage, sluice: { stats: last.stats } };
        }
      })(),
    );
  }

  #createText(request: TextCompletionRequest): Promise<AsyncIterable<TextCompletionChunk>> {
    this.textRequests.push(request);
    const base = { id: 'scripted', created: 0, model: this.model.name, object: 'text_completion' as const };
    const play = this.#play(words(String(request.prompt)).length, request.max_tokens ?? 200, request.signal);
    return Promise.resolve(
      (async function* (): AsyncGenerator<TextCompletionChunk> {
        for await (const { token, last } of play) {
          yield token
            ? { ...base, choices: [{ index: 0, text: token.text, finish_reason: null }], sluice: { tokens: [token] } }
            : { ...base, choices: [{ index: 0, text: '', finish_reason: last.finishReason }], usage: last.usage, sluice: { stats: last.stats } };
        }
      })(),
    );
  }

  async *#play(promptLength: number, maxTokens: number, signal: AbortSignal | undefined) {
    const pieces = words(this.script.answer ?? RECORDED_ANSWER);
    const length = Math.min(pieces.length, maxTokens);
    this.#answer = { prompt: promptLength, generated: 0, hits: 0, misses: 0, halts: 0, rate: 0 };
    this.#feed('prefill', 0, promptLength, 0);
    const startMs = performance.now();
    for (let index = 0; index < length; index++) {
      await pause(this.script.msPerToken ?? 0);
      if (signal?.aborted) throw aborted();
      if (this.script.failAt?.index === index) throw this.script.failAt.error;
      const position = promptLength + index;
      const token: GeneratedToken = { id: 100 + index, text: pieces[index]!, logprob: -((index * 37) % 50) / 14, index, position };
      this.#answer.generated++;
      this.#answer.rate = this.#answer.generated / Math.max(0.001, (performance.now() - startMs) / 1000);
      yield { token, last: undefined };
      if (index < length - 1) this.#feed('decode', position, 1, token.id);
    }
    const usage = { prompt_tokens: promptLength, completion_tokens: length, total_tokens: promptLength + length };
    yield { token: undefined, last: { finishReason: length < pieces.length ? ('length' as const) : ('stop' as const), usage, stats: await this.stats() } };
  }

  #feed(phase: 'prefill' | 'decode', position: number, tokenCount: number, tokenId: number): void {
    const size = tokenCount * LAYERS * TOP_K;
    const expertIds = new Uint16Array(size);
    const weights = new Float32Array(size);
    const tiers = new Uint8Array(size);
    const slotsPerLayer = Math.max(TOP_K, Math.floor(this.#budgetBytes / EXPERT_BYTES / LAYERS));
    for (let token = 0; token < tokenCount; token++) {
      const recorded = recordedTokens[this.#fed++ % recordedTokens.length]!;
      for (let layer = 0; layer < LAYERS; layer++) {
        const resident = this.#resident[layer]!;
        let missed = false;
        for (let k = 0; k < TOP_K; k++) {
          const at = (token * LAYERS + layer) * TOP_K + k;
          const expert = recorded.experts[layer]![k]!;
          const held = resident.indexOf(expert);
          if (held >= 0) resident.splice(held, 1);
          resident.push(expert);
          while (resident.length > slotsPerLayer) resident.shift();
          expertIds[at] = expert;
          weights[at] = recorded.weights[layer]![k]!;
          tiers[at] = held >= 0 ? TIER_INDEX.gpu : TIER_INDEX.disk;
          if (phase === 'decode') this.#answer[held >= 0 ? 'hits' : 'misses']++;
          missed ||= held < 0;
        }
        if (phase === 'decode' && missed) this.#answer.halts++;
      }
    }
    const residency = new Uint8Array(LAYERS * EXPERTS).fill(TIER_INDEX.disk);
    this.#resident.forEach((layer, index) => layer.forEach((expert) => (residency[index * EXPERTS + expert] = TIER_INDEX.gpu)));
    this.broadcast({
      sequence: this.#sequence++,
      phase,
      tokenCount,
      layerCount: LAYERS,
      expertsPerToken: TOP_K,
      expertCount: EXPERTS,
      positions: Uint32Array.from({ length: tokenCount }, (_, index) => position + index),
      tokenIds: new Uint32Array(tokenCount).fill(tokenId),
      expertIds,
      weights,
      tiers,
      residency,
    });
  }
}

/** As if every part took its time, 20 ms a token for computing and 4 ms for each miss, and the host a tenth on top. */
function scriptedTimes({
  prompt,
  generated,
  misses,
  halts,
}: {
  prompt: number;
  generated: number;
  misses: number;
  halts: number;
}): Pick<EngineStats, 'times' | 'elapsedMs'> {
  const times = { computeMs: 5 * prompt + 20 * generated, haltMs: 2 * halts, readMs: 2 * misses, checksumMs: misses / 2, uploadMs: misses, waitMs: misses / 2 };
  return { times, elapsedMs: generated === 0 ? 0 : 1.1 * Object.values(times).reduce((sum, ms) => sum + ms, 0) };
}

/** A loader that plays `totalBytes` of progress in `steps` steps and then gives the engine, or the error. */
export function scriptedLoader(outcome: (source: ModelSource) => EngineApi | EngineError, steps = 3, msPerStep = 0) {
  return async (source: ModelSource, options: LoadOptions): Promise<EngineApi> => {
    const bytesTotal = 22_764_288;
    for (let step = 1; step <= steps; step++) {
      options.onProgress?.({
        phase: step === 1 ? 'trunk' : 'experts',
        bytesDone: (bytesTotal * step) / steps,
        bytesTotal,
        bytesPerSecond: 8_100_000,
        secondsLeft: (steps - step) * 0.6,
      });
      await pause(msPerStep);
      if (options.signal?.aborted) throw aborted();
    }
    const result = outcome(source);
    if (result instanceof Error) throw result;
    return result;
  };
}

function words(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [];
}
