// The engine as a page sees it: a worker behind the API of src/core/api.ts.

import * as Comlink from 'comlink';
import type { Budget, BudgetReport, EngineApi, EngineStats, GenerateRequest, LoadOptions, ModelInfo, ModelSource, StoredModel } from '../core/api';
import { EngineError, aborted, throwIfAborted } from '../core/errors';
import type { ModelDescription } from '../core/model-description';
import type { RoutingFrame } from '../core/routing-frame';
import { resolveModelUrl } from '../formats/resolve';
import { askForPersistence } from '../storage/quota';
import { deleteStoredModel, storedModels } from '../storage/stored-models';
import { type AnswerPiece, Completions } from './completions';
import {
  type AbortMessage,
  type EngineEvent,
  type FrameEvent,
  type GenerateEvent,
  type NextFrameMessage,
  type Prompt,
  type Reply,
  type WorkerApi,
  type WorkerModelSource,
  unwrap,
} from './protocol';
import { PortReader } from './port-reader';

type OpenPort = Pick<PortReader<unknown>, 'post' | 'close'>;

const LOAD_OPTIONS = ['backend', 'budget', 'contextLength', 'policy', 'lookAheadLayers', 'store', 'signal', 'onProgress'];

export class Engine implements EngineApi {
  /** Where "demo" is; set it when the demo model does not lie at models/ beside the page. */
  static demoUrl: string | undefined;

  readonly model: ModelInfo;
  readonly failed: Promise<EngineError>;
  readonly chat: EngineApi['chat'];
  readonly completions: EngineApi['completions'];
  readonly #worker: Worker;
  readonly #api: Comlink.Remote<WorkerApi>;
  readonly #readers = new Set<OpenPort>();
  #failure: EngineError | undefined;
  #isDisposed = false;

  private constructor(worker: Worker, api: Comlink.Remote<WorkerApi>, model: ModelInfo, failed: Promise<EngineError>) {
    this.#worker = worker;
    this.#api = api;
    this.model = model;
    this.failed = failed;
    // What waits for the worker would wait for ever.
    void failed.then((error) => {
      this.#failure = error;
      for (const reader of this.#readers) reader.close();
    });
    const completions = new Completions(model.name, (prompt, options, signal) => this.#start(prompt, options, signal));
    this.chat = { completions: { create: completions.createChat.bind(completions) as EngineApi['chat']['completions']['create'] } };
    this.completions = { create: completions.createText.bind(completions) as EngineApi['completions']['create'] };
  }

  /** Starts a worker and loads a model in it. Rejects with EngineError; aborting ends the worker, and what was stored by then stays stored. */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Engine> {
    const unknown = Object.keys(options).find((name) => !LOAD_OPTIONS.includes(name));
    if (unknown !== undefined) throw invalid(`There is no load option "${unknown}".`, `There are ${LOAD_OPTIONS.join(', ')}.`);
    const { signal, onProgress, ...rest } = options;
    throwIfAborted(signal);
    const workerSource = resolveSource(source);
    const worker = new Worker(new URL('./engine-worker.ts', import.meta.url), { type: 'module', name: 'sluice' });
    const failed = new Promise<EngineError>((resolve) => {
      worker.addEventListener('error', (event) => resolve(workerFailed(event.message)));
      worker.addEventListener('messageerror', () => resolve(workerFailed('a message could not be read')));
    });
    const cancelled = new Promise<EngineError>((resolve) => signal?.addEventListener('abort', () => resolve(aborted()), { once: true }));
    const api = Comlink.wrap<WorkerApi>(worker);
    const { port1, port2 } = new MessageChannel();
    // Messages of two ports may overtake each other, so the last report is waited for, like the reply.
    const ready = new Promise<void>((resolve) => {
      port1.onmessage = ({ data: { progress } }: MessageEvent<EngineEvent>) => {
        if (progress.phase === 'ready') resolve();
        onProgress?.(progress);
      };
    });
    try {
      const loading = api.load(workerSource, rest, Comlink.transfer(port2, [port2])).then(async (answer) => {
        const model = unwrap(answer);
        await ready;
        return model;
      });
      const model = await Promise.race([loading, cancelled.then(rejection), failed.then(rejection)]);
      // Not for a model that comes with the page anyway: some browsers show a question.
      if (model.storage && model.storage.kind !== 'memory' && !model.isDemo) void askForPersistence();
      return new Engine(worker, api, model, failed);
    } catch (thrown) {
      worker.terminate();
      throw EngineError.from(thrown);
    } finally {
      port1.close();
    }
  }

  /** What is stored for this site, used last first. Nothing is ever deleted unless it is asked for. */
  static storedModels(): Promise<readonly StoredModel[]> {
    return storedModels();
  }

  /** Frees what is stored of a model. Rejects with 'storage-unavailable' while it is open, here or in another tab. */
  static deleteStoredModel(id: string): Promise<void> {
    return deleteStoredModel(id);
  }

  async tokenize(text: string): Promise<readonly number[]> {
    if (typeof text !== 'string') throw invalid('text is not a string.', 'Give the text to tokenize.');
    return this.#call((api) => api.tokenize(text));
  }

  async detokenize(tokens: readonly number[]): Promise<string> {
    return this.#call((api) => api.detokenize([...tokens]));
  }

  async stats(): Promise<EngineStats> {
    return this.#call((api) => api.stats());
  }

  async describe(): Promise<ModelDescription> {
    return this.#call((api) => api.describe());
  }

  async setBudget({ gpuBytes, ramBytes }: { readonly gpuBytes?: Budget; readonly ramBytes?: number }): Promise<BudgetReport> {
    return this.#call((api) => api.setBudget({ ...(gpuBytes !== undefined && { gpuBytes }), ...(ramBytes !== undefined && { ramBytes }) }));
  }

  async *routing(): AsyncGenerator<RoutingFrame> {
    const reader = this.#open<FrameEvent>();
    try {
      await this.#alive().routing(Comlink.transfer(reader.remote, [reader.remote]));
      for (;;) {
        reader.post({ type: 'next' } satisfies NextFrameMessage);
        const event = await reader.next();
        if (event === undefined || event.type === 'end') return;
        yield event.frame;
        await nextAnimationFrame();
      }
    } finally {
      this.#close(reader);
    }
  }

  /** Ends what runs and frees everything, on the GPU too. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    for (const reader of this.#readers) this.#close(reader);
    await Promise.race([this.#api.dispose(), this.failed]);
    this.#worker.terminate();
  }

  async #start(prompt: Prompt, options: Omit<GenerateRequest, 'tokens'>, signal: AbortSignal | undefined): Promise<AsyncGenerator<AnswerPiece>> {
    throwIfAborted(signal);
    const tokens = await this.#call((api) => api.prepare(prompt));
    throwIfAborted(signal);
    return this.#answer({ ...options, tokens }, signal);
  }

  async *#answer(request: GenerateRequest, signal: AbortSignal | undefined): AsyncGenerator<AnswerPiece> {
    throwIfAborted(signal);
    const reader = this.#open<GenerateEvent>();
    // The caller is not kept waiting until the worker has stopped; the worker does the next request when it has.
    const abort = () => this.#close(reader);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#alive().generate(request, Comlink.transfer(reader.remote, [reader.remote]));
      for (;;) {
        const event = await reader.next();
        throwIfAborted(signal);
        if (event === undefined) throw this.#failure ?? disposed();
        if (event.type === 'error') throw EngineError.fromPlain(event.error);
        if (event.type === 'done') {
          const { rest, finishReason, promptTokenCount, stats } = event;
          yield { kind: 'end', rest, finishReason, promptTokenCount, stats };
          return;
        }
        yield { kind: 'token', token: event.token };
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#close(reader);
    }
  }

  #open<T>(): PortReader<T> {
    const reader = new PortReader<T>();
    this.#readers.add(reader);
    return reader;
  }

  /** Tells the worker that nobody reads any more; it has no effect on what has ended. */
  #close(reader: OpenPort): void {
    this.#readers.delete(reader);
    reader.post({ type: 'abort' } satisfies AbortMessage);
    reader.close();
  }

  #alive(): Comlink.Remote<WorkerApi> {
    if (this.#isDisposed) throw disposed();
    if (this.#failure) throw this.#failure;
    return this.#api;
  }

  /** A worker that fails answers no more, so its failure is waited for as well. */
  async #call<T>(work: (api: Comlink.Remote<WorkerApi>) => Promise<Reply<T>>): Promise<T> {
    let answer: Reply<T>;
    try {
      answer = await Promise.race([work(this.#alive()), this.failed.then(rejection)]);
    } catch (thrown) {
      throw EngineError.from(thrown);
    }
    return unwrap(answer);
  }
}

function resolveSource(source: ModelSource): WorkerModelSource {
  if (typeof source !== 'string') {
    const files = Array.from(source ?? []);
    if (files.length > 0 && files.every((file) => file instanceof File)) return { kind: 'files', files };
    throw invalid('The model is neither an address nor a list of files.', 'Give "demo", an address, or a list of Files: one, or all parts of a model.');
  }
  if (source === 'demo') return { kind: 'url', url: Engine.demoUrl ?? new URL('models/demo-q8_0.gguf', document.baseURI).href, isDemo: true };
  return { kind: 'url', url: resolveModelUrl(source), isDemo: false };
}

function invalid(message: string, hint: string): EngineError {
  return new EngineError('invalid-argument', message, hint);
}

function rejection(error: EngineError): never {
  throw error;
}

function disposed(): EngineError {
  return new EngineError('disposed', 'The engine was disposed.', 'Load the model again.');
}

function workerFailed(message: string): EngineError {
  return new EngineError('internal', `The worker stopped: ${message || 'it could not be started'}.`, 'Load the model again; report it if it happens again.');
}

/** A hidden page has no animation frames; it still drains the stream, slowly. */
function nextAnimationFrame(): Promise<void> {
  return new Promise((resolve) => {
    if (document.visibilityState === 'visible') requestAnimationFrame(() => resolve());
    else setTimeout(resolve, 250);
  });
}
