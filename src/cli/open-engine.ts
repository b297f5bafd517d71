// The engine behind generate and logits: the same parts as in the worker, on WebGPU for Node or on the CPU.

import type { BackendChoice } from '../core/api';
import { EngineError } from '../core/errors';
import type { RoutingEvent } from '../engine/engine-core';
import type { Routes } from '../engine/step-record';
import { encodeChat } from '../model/chat-template';
import { PHASES, type Trace, type TraceShape } from '../probe/trace';
import { MemoryStore } from '../storage/memory-store';
import { type CreatedBackend, createBackend } from '../worker/create-backend';
import { type OpenedEngine, openEngine } from '../worker/open-engine';
import { ProgressMeter } from '../worker/progress-meter';
import type { OpenEngine, Route, TerminalEngine } from './engine-port';
import { openNodeGpu } from './node-gpu';
import { openModelSource } from './open-model';

const DRIVER_HINT = 'On Linux install libvulkan1 and a Vulkan driver, or name one in VK_ICD_FILENAMES; or use --backend cpu.';

export const openTerminalEngine: OpenEngine = async (
  model,
  { backend: choice, store, gpuBudget, contextLength, policy, lookAheadLayers, signal, onProgress },
) => {
  const { backend, fallbackReason } = await createNodeBackend(choice);
  const clock = () => performance.now();
  const meter = new ProgressMeter(clock, onProgress);
  try {
    const opened = await openEngine({
      sourceName: model,
      openSource: () => openModelSource(model, signal),
      isDemo: model === 'demo',
      backend,
      fallbackReason,
      // A file on this machine needs no second copy, and a process that ends has nobody to keep one for.
      store: store === 'memory' ? new MemoryStore() : undefined,
      notices: [],
      gpuBytes: gpuBudget,
      contextLength,
      policy,
      lookAheadLayers,
      clock,
      now: () => Date.now(),
      signal,
      onProgress: (phase, bytesDone, bytesTotal) => meter.update(phase, bytesDone, bytesTotal),
    });
    return terminalEngine(opened);
  } catch (thrown) {
    await backend.dispose();
    throw thrown;
  }
};

async function createNodeBackend(choice: BackendChoice): Promise<CreatedBackend> {
  if (choice === 'cpu') return createBackend('cpu', undefined);
  try {
    return await createBackend('webgpu', await openNodeGpu());
  } catch (thrown) {
    const error = EngineError.from(thrown);
    if (error.code !== 'no-adapter') throw error;
    if (choice === 'webgpu') throw new EngineError('no-adapter', error.message, DRIVER_HINT, error.cause);
    return { ...(await createBackend('cpu', undefined)), fallbackReason: `${error.message} Running on the CPU.` };
  }
}

function terminalEngine({ core, model, tokenizer, template, lost }: OpenedEngine): TerminalEngine {
  const orLost = <T>(work: Promise<T>): Promise<T> => Promise.race([work, lost.then((error) => Promise.reject(error))]);
  return {
    model,
    tokenize: (text) => {
      const tokens = tokenizer.encode(text, { special: true });
      return tokenizer.addBos && tokenizer.bosTokenId !== undefined && tokens[0] !== tokenizer.bosTokenId ? [tokenizer.bosTokenId, ...tokens] : tokens;
    },
    formatChat: (messages) => {
      if (!template) throw new EngineError('invalid-template', 'This model has no chat template.', 'Add --no-chat to continue the prompt as it is.');
      return encodeChat(template, tokenizer, messages);
    },
    generate: (request, hooks) => orLost(core.generate(request, hooks)),
    logits: async (tokens, { signal }) => {
      const { logits, routes } = await orLost(core.logits(tokens, signal));
      return { logits, routes: routes.flatMap((chunk) => routesOf(chunk, core.shape.layerCount, core.shape.topK)) };
    },
    onRouting: (listener) => {
      const { layerCount, expertCount, topK } = core.shape;
      core.onRouting = (event) => listener(traceOfEvent(event, { layerCount, expertCount, topK }));
    },
    dispose: () => core.dispose(),
  };
}

function traceOfEvent({ phase, position, tokenIds, routes, tiers }: RoutingEvent, shape: TraceShape): Trace {
  return {
    ...shape,
    tokenCount: routes.tokenCount,
    positions: Uint32Array.from({ length: routes.tokenCount }, (_, token) => position + token),
    phases: new Uint8Array(routes.tokenCount).fill(PHASES.indexOf(phase)),
    tokenIds: Uint32Array.from(tokenIds),
    expertIds: routes.expertIds,
    weights: routes.weights,
    tiers,
  };
}

/** [token][layer] of one chunk. */
function routesOf({ tokenCount, expertIds, weights }: Routes, layerCount: number, topK: number): Route[][] {
  return Array.from({ length: tokenCount }, (_, token) =>
    Array.from({ length: layerCount }, (__, layer) => {
      const start = (token * layerCount + layer) * topK;
      return { experts: Array.from(expertIds.subarray(start, start + topK)), weights: Array.from(weights.subarray(start, start + topK)) };
    }),
  );
}
