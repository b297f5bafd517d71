// The worker: one engine behind comlink, with ports for what streams.

import * as Comlink from 'comlink';
import { defined } from '../core/assert';
import type { GenerateRequest } from '../core/api';
import { EngineError } from '../core/errors';
import { BlobSource } from '../formats/blob-source';
import { openHttpSource } from '../formats/http-source';
import { joinParts, openWithParts } from '../formats/split-gguf';
import type { Source } from '../formats/source';
import { openRecordStore } from '../storage/open-store';
import type { RecordStore } from '../storage/record-store';
import { storedModels } from '../storage/stored-models';
import { createBackend } from './create-backend';
import { EngineHost } from './engine-host';
import { FrameCollector } from './frame-collector';
import { openEngine } from './open-engine';
import { ProgressMeter } from './progress-meter';
import {
  type AbortMessage,
  type EngineEvent,
  type FrameEvent,
  type GenerateEvent,
  type NextFrameMessage,
  type WorkerApi,
  type WorkerLoadOptions,
  type WorkerModelSource,
  reply,
} from './protocol';

let host: EngineHost | undefined;
let store: RecordStore | undefined;
const listeners = new Set<FrameFeed>();

/** One reader of routing: holds what happened until the page asks for a frame. */
class FrameFeed {
  readonly #port: MessagePort;
  readonly #collector: FrameCollector;
  #isWanted = false;
  /** The first frame tells where the experts are before anything was routed. */
  #isChanged = true;

  constructor(port: MessagePort, engine: EngineHost) {
    this.#port = port;
    this.#collector = new FrameCollector(engine.frameShape, () => engine.residency());
    port.onmessage = ({ data }: MessageEvent<NextFrameMessage | AbortMessage>) => {
      if (data.type === 'abort') return this.end();
      this.#isWanted = true;
      this.#flush();
    };
  }

  readonly add: FrameCollector['add'] = (event) => {
    this.#collector.add(event);
    this.#flush();
  };

  /** Experts moved without being routed. */
  noteMoved(): void {
    this.#isChanged = true;
    this.#flush();
  }

  end(): void {
    listeners.delete(this);
    this.#port.postMessage({ type: 'end' } satisfies FrameEvent);
    this.#port.close();
    listen();
  }

  #flush(): void {
    if (!this.#isWanted || (this.#collector.isEmpty && !this.#isChanged)) return;
    this.#isWanted = false;
    this.#isChanged = false;
    const frame = this.#collector.take();
    const buffers = [frame.positions, frame.tokenIds, frame.expertIds, frame.weights, frame.tiers, frame.residency].map(({ buffer }) => buffer as ArrayBuffer);
    this.#port.postMessage({ type: 'frame', frame } satisfies FrameEvent, buffers);
  }
}

/** Without readers the engine is told not to report at all. */
function listen(): void {
  if (!host) return;
  const hasReaders = listeners.size > 0;
  host.onRouting = hasReaders ? (event) => listeners.forEach((feed) => feed.add(event)) : undefined;
  host.onMoved = hasReaders ? () => listeners.forEach((feed) => feed.noteMoved()) : undefined;
}

function engine(): EngineHost {
  if (!host) throw new EngineError('disposed', 'No model is loaded.', 'Load a model first.');
  return host;
}

function sourceNameOf(source: WorkerModelSource): string {
  return source.kind === 'url' ? source.url : source.files.map(({ name }) => name).join(', ');
}

/** Tries are this far apart at first when the model is stored anyway: an offline start should not wait. */
const STORED_RETRY_MS = 20;

async function openSource(source: WorkerModelSource, isStored: boolean): Promise<Source> {
  if (source.kind === 'url') return openWithParts(source.url, (url) => openHttpSource(url, isStored ? { firstRetryMs: STORED_RETRY_MS } : {}));
  const files = source.files.map((file) => new BlobSource(file));
  return files.length === 1 ? defined(files[0]) : joinParts(files);
}

async function load(source: WorkerModelSource, options: WorkerLoadOptions, events: MessagePort): Promise<EngineHost> {
  const clock = () => performance.now();
  const meter = new ProgressMeter(clock, (progress) => events.postMessage({ type: 'progress', progress } satisfies EngineEvent));
  const { report, notices, ...opened } = await openRecordStore(options.store ?? 'auto', { clock });
  store = opened.store;
  return EngineHost.start(async () => {
    const { backend, fallbackReason } = await createBackend(options.backend ?? 'auto', navigator.gpu);
    try {
      const opened = await openEngine({
        sourceName: sourceNameOf(source),
        openSource: (isStored) => openSource(source, isStored),
        isDemo: source.kind === 'url' && source.isDemo,
        backend,
        fallbackReason,
        store,
        storage: report,
        storedModels,
        notices,
        gpuBytes: options.budget?.gpuBytes,
        ramBytes: options.budget?.ramBytes,
        contextLength: options.contextLength,
        policy: options.policy,
        lookAheadLayers: options.lookAheadLayers,
        clock,
        now: () => Date.now(),
        onProgress: (phase, bytesDone, bytesTotal) => meter.update(phase, bytesDone, bytesTotal),
      });
      meter.update('ready', 0, 0);
      return opened;
    } catch (thrown) {
      await backend.dispose();
      throw thrown;
    }
  });
}

async function unload(): Promise<void> {
  await host?.dispose();
  host = undefined;
  await store?.close();
  store = undefined;
}

async function generate(request: GenerateRequest, port: MessagePort): Promise<void> {
  const abort = new AbortController();
  const send = (event: GenerateEvent) => port.postMessage(event);
  port.onmessage = ({ data }: MessageEvent<AbortMessage>) => {
    if (data.type === 'abort') abort.abort();
  };
  try {
    let sentLength = 0;
    const result = await engine().generate(request, {
      signal: abort.signal,
      onToken: (token) => {
        sentLength += token.text.length;
        send({ type: 'token', token });
      },
    });
    const { finishReason, promptTokenCount, stats } = result;
    send({ type: 'done', rest: result.text.slice(sentLength), finishReason, promptTokenCount, stats });
  } catch (thrown) {
    send({ type: 'error', error: EngineError.from(thrown).toPlain() });
  }
  port.close();
}

const api: WorkerApi = {
  load: (source, options, events) =>
    reply(async () => {
      await unload();
      host = await load(source, options, events);
      return host.model;
    }),
  prepare: (prompt) => reply(() => engine().prepare(prompt)),
  generate: (request, port) => void generate(request, port),
  tokenize: (text) => reply(() => engine().tokenize(text)),
  detokenize: (tokens) => reply(() => engine().detokenize(tokens)),
  routing: (port) => {
    if (!host) return port.postMessage({ type: 'end' } satisfies FrameEvent);
    listeners.add(new FrameFeed(port, host));
    listen();
  },
  stats: () => reply(() => engine().stats()),
  describe: () => reply(() => engine().describe()),
  setBudget: (budget) =>
    reply(async () => {
      const report = await engine().setBudget(budget);
      for (const feed of listeners) feed.noteMoved();
      return report;
    }),
  dispose: () =>
    reply(async () => {
      for (const feed of listeners) feed.end();
      await unload();
      return null;
    }),
};

Comlink.expose(api);
