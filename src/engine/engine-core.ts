// The engine: one loaded model on one backend. It knows nothing of workers, pages or files on disk; src/worker/open-engine.ts puts the parts together.

import { assert } from '../core/assert';
import type { Budget, BudgetReport, EngineStats, GeneratedToken, GenerateRequest, GenerateResult } from '../core/api';
import type { Backend } from '../core/backend';
import { EngineError, throwIfAborted } from '../core/errors';
import type { ExpertSupply } from '../core/expert-supply';
import { encodeSampling } from '../core/sampling';
import { ReadAhead } from '../formats/read-ahead';
import type { Source } from '../formats/source';
import type { ModelSpec } from '../model/spec';
import type { Tokenizer } from '../model/tokenizer';
import { type BudgetInput, budgetBytes } from '../scheduler/budget';
import { CompiledPrograms } from './compiled';
import { Decode } from './decode';
import { ExpertCache } from './expert-cache';
import { type ExpertLayout, slotBytesOf } from './expert-layout';
import { Answer, DEFAULT_MAX_TOKENS, MAX_TOKENS_RULE, RAM_BYTES_RULE, checkNumber, checkPrompt, resolveSampling, resolveStopTokens } from './generation';
import { Prefill } from './prefill';
import type { ProgramInputs } from './program-inputs';
import { NO_ANSWER_YET, RunMeter } from './run-stats';
import type { Routes } from './step-record';
import { TimeLedger } from './time-ledger';
import { type Trunk, TrunkLoader, trunkFileBytes, trunkRanges } from './trunk';
import { type Shape, type Workspace, createWorkspace, shapeOf } from './workspace';

export interface EngineParts {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  readonly source: Source;
  readonly tokenizer: Tokenizer;
  readonly supply: ExpertSupply;
  readonly layouts: readonly ExpertLayout[];
  readonly storeKind: string;
  readonly budget: Budget;
  readonly ramBytes: number;
  readonly contextLength: number;
  /** Which experts keep their slots, as createPolicy names it. */
  readonly policy?: string | undefined;
  /** Layers that a step looks ahead past the one that misses an expert; default: all, or few where computing is slow. */
  readonly lookAheadLayers?: number | undefined;
  /** Milliseconds from any origin; time is only ever measured with it. */
  readonly clock: () => number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((phase: 'trunk' | 'experts' | 'compile', bytesDone: number, bytesTotal: number) => void) | undefined;
}

/** Routing of consecutive tokens, as it happened. */
export interface RoutingEvent {
  readonly phase: 'prefill' | 'decode';
  /** Position of the first token. */
  readonly position: number;
  readonly tokenIds: readonly number[];
  readonly routes: Routes;
  /** [token, layer, k] TIER_INDEX of where the expert was found. */
  readonly tiers: Uint8Array;
}

export interface RunHooks {
  readonly signal?: AbortSignal | undefined;
  readonly onToken?: ((token: GeneratedToken) => void) | undefined;
}

/**
 * Looking ahead trades computing for halts. A GPU would idle meanwhile; where computing is what is slow, one layer saves more than it costs, and each further one
 * costs more (demo model at 25 %, tokens/s by reach: SwiftShader, resident 12.9: none 6.6, one 7.2, two 6.7, all 5.9; CPU, resident 59: 51, 41, 37). None would
 * be best where experts are at hand, as there; one makes two fifths fewer waits where they come from far.
 */
const SOFTWARE_LOOK_AHEAD_LAYERS = 1;

/** Slots of so many bytes in all are filled even when their experts must be fetched from the network first. */
const FILL_FROM_NETWORK_BYTES = 64 * 1024 * 1024;

export class EngineCore {
  readonly shape: Shape;
  /** Set to hear of routing; undefined costs nothing. */
  onRouting: ((event: RoutingEvent) => void) | undefined;
  /** Set to hear of experts that came to the GPU without having been routed to. */
  onMoved: (() => void) | undefined;
  readonly #parts: EngineParts;
  readonly #trunk: Trunk;
  readonly #workspace: Workspace;
  readonly #cache: ExpertCache;
  readonly #programs: CompiledPrograms;
  readonly #prefill: Prefill;
  readonly #decode: Decode;
  readonly #times: TimeLedger;
  /** Tokens whose keys and values were written by prefill and are still in the cache. */
  #prefilled: readonly number[] = [];
  #ramBytes: number;
  #buffersByResize = 0;
  #meter: RunMeter | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  #isFilling = false;
  #isDisposed = false;
  #pendingBudget: { budget: Budget; done: (report: BudgetReport) => void; failed: (error: unknown) => void } | undefined;

  private constructor(parts: EngineParts, shape: Shape, trunk: Trunk, workspace: Workspace, cache: ExpertCache, programs: CompiledPrograms, times: TimeLedger) {
    this.#parts = parts;
    this.shape = shape;
    this.#trunk = trunk;
    this.#workspace = workspace;
    this.#cache = cache;
    this.#programs = programs;
    this.#ramBytes = parts.ramBytes;
    this.#times = times;
    const machine = { backend: parts.backend, programs, cache, workspace, shape, times };
    this.#prefill = new Prefill(machine);
    this.#decode = new Decode({ ...machine, scoutReach: parts.lookAheadLayers ?? (parts.backend.isSoftware ? SOFTWARE_LOOK_AHEAD_LAYERS : shape.layerCount) });
  }

  /** Loads the trunk, makes the buffers and programs, and warms the expert slots. Frees what it made when it fails. */
  static async open(parts: EngineParts): Promise<EngineCore> {
    const { backend, spec, source, supply, layouts, signal, onProgress } = parts;
    const shape = shapeOf(spec, parts.contextLength);
    const trunkBytes = trunkFileBytes(spec);
    let bytesDone = 0;
    const onBytes = (bytes: number) => onProgress?.('trunk', (bytesDone += bytes), trunkBytes);
    onProgress?.('trunk', 0, trunkBytes);
    const trunk = await new TrunkLoader(backend, new ReadAhead(source, trunkRanges(spec)), onBytes, signal).load(spec);
    const workspace = createWorkspace(backend, spec, shape, trunk.ropeFactors);
    const slotBytes = slotBytesOf(layouts);
    const budgetInput: BudgetInput = {
      layerCount: shape.layerCount,
      expertCount: shape.expertCount,
      expertsPerToken: shape.topK,
      slotBytes,
      maxSlabBytes: Math.min(backend.limits.maxBindingBytes, backend.limits.maxBufferBytes),
    };
    const times = new TimeLedger(parts.clock, () => supply.supplyStats());
    const cache = new ExpertCache({ backend, supply, shape: budgetInput, budget: parts.budget, times, policy: parts.policy });
    const profile = await supply.readProfile?.();
    if (profile) cache.seed(profile);
    await backend.check();
    const programs = await compileAndWarm(parts, cache, {
      spec,
      shape,
      trunk,
      workspace,
      layouts,
      slotBytes,
      slotTable: cache.slotTable,
      slabOf: (layer) => cache.slabOf(layer),
      isSoftware: backend.isSoftware,
    });
    programs.warmUp();
    throwIfAborted(signal);
    await backend.check();
    return new EngineCore(parts, shape, trunk, workspace, cache, programs, times);
  }

  /**
   * Fills GPU slots that are free (after a larger budget, or when more has been stored) with the experts worth most, behind everything that an answer waits for,
   * and while one runs. Only saves time, so it never rejects: what cannot be had now is brought in when it is needed.
   */
  async fillFreeSlots(): Promise<void> {
    if (this.#isFilling || this.#isDisposed) return;
    this.#isFilling = true;
    const options = {
      ...{ urgency: 'prefetch' as const, accepts: atHand(this.#parts, this.#cache) },
      ...{ onExpert: () => this.onMoved?.(), isOver: () => this.#isDisposed },
    };
    try {
      // Again, for the budget may have grown meanwhile.
      while ((await this.#cache.fillSlots(options)) > 0);
    } catch {
      // A source that fails now is asked again by whoever needs it, and its error heard then.
    } finally {
      this.#isFilling = false;
    }
  }

  /** Answers a prompt. Requests run one after the other. */
  generate(request: GenerateRequest, hooks: RunHooks = {}): Promise<GenerateResult> {
    const { spec, tokenizer } = this.#parts;
    const sampling = resolveSampling(request);
    const stops = resolveStopTokens(request, tokenizer.stopTokenIds);
    checkPrompt(request.tokens, spec.vocabularySize, this.shape.contextLength);
    const room = this.shape.contextLength - request.tokens.length;
    const maxTokens = Math.min(checkNumber('maxTokens', request.maxTokens ?? DEFAULT_MAX_TOKENS, MAX_TOKENS_RULE), room);
    return this.#exclusive(async () => {
      const { backend } = this.#parts;
      throwIfAborted(hooks.signal);
      const meter = this.#startMeter(request.tokens.length);
      const answer = new Answer(tokenizer.decodeStream(), request.stopStrings ?? [], hooks.onToken);
      backend.write(this.#workspace.sampling, 0, encodeSampling(sampling, stops));
      this.#markSeen(request.tokens);
      const lastCount = await this.#runPrompt(request.tokens, this.#commonPrefix(request.tokens), hooks.signal, meter);
      meter.beginDecode();
      const promptLength = request.tokens.length;
      const first = await this.#decode.first(lastCount);
      let isDone = answer.push(first.token, first.logprob, promptLength, first.isStop);
      meter.generatedTokens = 1;
      if (!isDone && maxTokens > 1) {
        const steps = this.#decode.run({ maxSteps: maxTokens - 1, signal: hooks.signal, atBoundary: () => this.#applyBudget() });
        for await (const { record, tiers } of steps) {
          meter.generatedTokens++;
          this.onRouting?.({ phase: 'decode', position: record.position, tokenIds: [record.fedToken], routes: record.routes, tiers });
          isDone = answer.push(record.token, record.logprob, record.position + 1, record.isStop);
          if (isDone) break;
        }
      }
      answer.end();
      meter.end();
      void this.#parts.supply.writeProfile?.(this.#cache.profile());
      const { text, tokens, finishReason } = answer;
      return { text, tokens, finishReason, promptTokenCount: promptLength, stats: this.stats() };
    });
  }

  /** Logits after the last token [token id], and the routes of all tokens. Always runs the whole prompt. */
  logits(tokens: readonly number[], signal?: AbortSignal): Promise<{ readonly logits: Float32Array; readonly routes: readonly Routes[] }> {
    const { spec, backend } = this.#parts;
    checkPrompt(tokens, spec.vocabularySize, this.shape.contextLength);
    return this.#exclusive(async () => {
      const meter = this.#startMeter(tokens.length);
      const chunks: Routes[] = [];
      const lastCount = await this.#runPrompt(tokens, 0, signal, meter, (routes) => chunks.push(routes));
      backend.submit([{ program: this.#programs.head, size: { tokenCount: lastCount } }]);
      const logits = new Float32Array(await backend.read(this.#workspace.logits, 0, spec.vocabularySize * 4));
      meter.end();
      return { logits, routes: chunks };
    });
  }

  /** Applied at once when idle, otherwise between two submits of the answer that runs. */
  setBudget(budget: { readonly gpuBytes?: Budget; readonly ramBytes?: number }): Promise<BudgetReport> {
    this.#assertAlive();
    const { gpuBytes } = budget;
    if (gpuBytes !== undefined) budgetBytes(gpuBytes, this.#report().expertTotalBytes);
    if (budget.ramBytes !== undefined) {
      this.#ramBytes = checkNumber('ramBytes', budget.ramBytes, RAM_BYTES_RULE);
      this.#parts.supply.setRamBudget(this.#ramBytes);
    }
    if (gpuBytes === undefined) return Promise.resolve(this.#report());
    return new Promise((done, failed) => {
      // A newer wish replaces one that has not been carried out; both hear what came of the newer.
      const older = this.#pendingBudget;
      this.#pendingBudget = {
        budget: gpuBytes,
        done: (report) => (older?.done(report), done(report)),
        failed: (error) => (older?.failed(error), failed(error)),
      };
      if (!this.#isRunning) this.#applyBudget();
    });
  }

  /** [layer, expert] TIER_INDEX of where every expert is now. */
  residency(): Uint8Array {
    return this.#cache.tiers();
  }

  stats(): EngineStats {
    const { backend, supply, storeKind } = this.#parts;
    const supplyStats = supply.supplyStats();
    const budget = this.#report();
    return {
      backend: backend.kind,
      adapter: backend.adapterName,
      ...(this.#meter?.report() ?? NO_ANSWER_YET),
      bytesHeld: {
        gpuExperts: budget.gpuBytes,
        gpuTrunk: this.#trunk.sizeBytes,
        gpuOther: backend.allocatedBytes - budget.gpuBytes - this.#trunk.sizeBytes,
        ram: supplyStats.ramBytes,
        disk: supplyStats.diskBytes,
      },
      expertsHeld: {
        gpu: this.#cache.residentCount,
        ram: supplyStats.ramExperts,
        disk: supplyStats.diskExperts,
        total: this.shape.layerCount * this.shape.expertCount,
      },
      budget,
      policy: this.#cache.policyName,
      store: storeKind,
      recordsRepaired: supplyStats.recordsRepaired,
      notices: supplyStats.notices,
    };
  }

  /** Waits for the answer that runs (abort it first for speed), then frees everything. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.#tail.catch(() => {});
    await this.#parts.supply.dispose();
    await this.#parts.source.close?.();
    await this.#parts.backend.dispose();
  }

  async #runPrompt(
    tokens: readonly number[],
    from: number,
    signal: AbortSignal | undefined,
    meter: RunMeter,
    onChunk?: (routes: Routes) => void,
  ): Promise<number> {
    this.#prefilled = tokens.slice(0, from);
    meter.prefilledTokens = tokens.length - from;
    const lastCount = await this.#prefill.run({
      tokens,
      from,
      signal,
      atBoundary: () => this.#applyBudget(),
      onRoutes: (start, routes, tiers) => {
        onChunk?.(routes);
        this.onRouting?.({ phase: 'prefill', position: start, tokenIds: tokens.slice(start, start + routes.tokenCount), routes, tiers });
      },
    });
    this.#prefilled = [...tokens];
    return lastCount;
  }

  /** At least one token is always run, for its logits. */
  #commonPrefix(tokens: readonly number[]): number {
    let length = 0;
    while (length < tokens.length - 1 && tokens[length] === this.#prefilled[length]) length++;
    return length;
  }

  #markSeen(tokens: readonly number[]): void {
    const seen = new Uint32Array(this.#parts.spec.vocabularySize);
    for (const token of tokens) seen[token] = 1;
    this.#parts.backend.write(this.#workspace.seen, 0, seen);
  }

  #startMeter(promptTokens: number): RunMeter {
    const { backend, clock, supply } = this.#parts;
    this.#meter = new RunMeter(() => ({
      timeMs: clock(),
      counters: { ...backend.counters },
      counts: { ...this.#decode.counts },
      times: this.#times.totals(),
      supply: supply.supplyStats(),
      buffersByResize: this.#buffersByResize,
    }));
    this.#meter.promptTokens = promptTokens;
    return this.#meter;
  }

  #report(): BudgetReport {
    return this.#cache.report(this.#ramBytes);
  }

  #applyBudget(): void {
    const pending = this.#pendingBudget;
    if (!pending) return;
    this.#pendingBudget = undefined;
    const before = this.#parts.backend.counters.buffersCreated;
    try {
      this.#programs.rebind(this.#cache.resize(pending.budget));
      pending.done(this.#report());
    } catch (error) {
      pending.failed(error);
    }
    this.#buffersByResize += this.#parts.backend.counters.buffersCreated - before;
  }

  #exclusive<T>(run: () => Promise<T>): Promise<T> {
    this.#assertAlive();
    const result = this.#tail.then(async () => {
      this.#assertAlive();
      assert(!this.#isRunning, 'two runs at once');
      this.#isRunning = true;
      try {
        return await run();
      } finally {
        this.#meter?.end();
        this.#isRunning = false;
        this.#applyBudget();
      }
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  #assertAlive(): void {
    if (this.#isDisposed) throw new EngineError('disposed', 'The engine was disposed.', 'Load the model again.');
  }
}

/** Experts are read while the device compiles. When one fails, the other has ended too by the time the caller hears of it. */
async function compileAndWarm(parts: EngineParts, cache: ExpertCache, inputs: ProgramInputs): Promise<CompiledPrograms> {
  const { backend, onProgress } = parts;
  let isCompiled = false;
  let hasFailed = false;
  onProgress?.('compile', 0, 0);
  const compiling = CompiledPrograms.compile(backend, inputs).finally(() => (isCompiled = true));
  const warming = warm(parts, cache, () => hasFailed).then(() => {
    if (!isCompiled) onProgress?.('compile', 0, 0);
  });
  try {
    const [programs] = await Promise.all([compiling, warming]);
    return programs;
  } catch (thrown) {
    hasFailed = true;
    await Promise.allSettled([compiling, warming]);
    throw thrown;
  }
}

/** Fills the slots before the first answer. */
async function warm({ supply, signal, onProgress }: EngineParts, cache: ExpertCache, isOver: () => boolean): Promise<void> {
  const totalBytes = cache.fillBytes;
  let bytesDone = 0;
  onProgress?.('experts', 0, totalBytes);
  const onExpert = (bytes: number) => onProgress?.('experts', (bytesDone += bytes), totalBytes);
  await cache.fillSlots({ urgency: 'demand', accepts: atHand({ supply }, cache), onExpert, isOver, signal });
}

/** Which experts may be fetched without being needed: small models come from the network as well. */
function atHand({ supply }: Pick<EngineParts, 'supply'>, cache: ExpertCache): (layer: number, expert: number) => boolean {
  return (layer, expert) => cache.fillBytes <= FILL_FROM_NETWORK_BYTES || supply.tierOf(layer, expert) !== 'network';
}
