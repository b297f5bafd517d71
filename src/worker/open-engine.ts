// Where the parts are put together: a source, what is stored of it, a backend, and the engine on top. Used by the worker and by the terminal.

import type { Budget, LoadPhase, ModelInfo, StorageReport, StoredModel } from '../core/api';
import type { Backend } from '../core/backend';
import { EngineError, throwIfAborted } from '../core/errors';
import type { ModelDescription } from '../core/model-description';
import { formatBytes } from '../core/units';
import { describeModel } from '../engine/describe-model';
import { EngineCore } from '../engine/engine-core';
import { type ExpertLayout, expertLayout, importExpert, slotBytesOf } from '../engine/expert-layout';
import { LOOK_AHEAD_RULE, RAM_BYTES_RULE, checkNumber } from '../engine/generation';
import { trunkFileBytes, trunkRanges } from '../engine/trunk';
import { type GgufFile, readGguf } from '../formats/gguf';
import type { Source } from '../formats/source';
import { type ChatTemplate, createChatTemplate } from '../model/chat-template';
import { specFromGguf } from '../model/from-gguf';
import { type ModelSpec, moeLayers } from '../model/spec';
import { type Tokenizer, createTokenizer } from '../model/tokenizer';
import { budgetBytes } from '../scheduler/budget';
import { checkPolicyName } from '../scheduler/create-policy';
import { ExpertTiers } from '../storage/expert-tiers';
import { MANIFEST_VERSION, type StoredLayout } from '../storage/manifest';
import { ModelLibrary } from '../storage/model-library';
import { estimateStorage } from '../storage/quota';
import { modelIdOf } from '../storage/record';
import type { RecordStore } from '../storage/record-store';
import { DEFAULT_CONTEXT_LENGTH, DEFAULT_GPU_BYTES, DEFAULT_RAM_BYTES } from './defaults';
import { LibrarySource } from './library-source';

/** Changes when the packed layout of weights does: records of another version are not used. */
const LAYOUT_VERSION = 'packed-2';

export interface OpenRequest {
  /** Name of the source: how a stored model is found when the source cannot be opened. */
  readonly sourceName: string;
  /** `isStored`: all of the model is stored here, so an unreachable source is not worth waiting for. */
  readonly openSource: (isStored: boolean) => Promise<Source>;
  readonly isDemo: boolean;
  readonly backend: Backend;
  readonly fallbackReason?: string | undefined;
  /** Undefined: nothing is stored. */
  readonly store?: RecordStore | undefined;
  readonly storage?: StorageReport | undefined;
  /** What could be deleted when there is no room. */
  readonly storedModels?: (() => Promise<readonly StoredModel[]>) | undefined;
  readonly notices: readonly string[];
  readonly gpuBytes?: Budget | undefined;
  readonly ramBytes?: number | undefined;
  readonly contextLength?: number | undefined;
  readonly policy?: string | undefined;
  readonly lookAheadLayers?: number | undefined;
  readonly clock: () => number;
  /** Milliseconds since 1970, for "last used". */
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (phase: LoadPhase, bytesDone: number, bytesTotal: number) => void;
}

export interface OpenedEngine {
  readonly core: EngineCore;
  readonly model: ModelInfo;
  readonly description: ModelDescription;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
  readonly tiers: ExpertTiers;
  /** Settles when the device is gone and the engine with it. */
  readonly lost: Promise<EngineError>;
  /** Stores what is not stored yet, if there is room. Ends with the engine, and never rejects. */
  storeRest(): Promise<void>;
}

interface OpenedModel {
  readonly file: GgufFile;
  readonly spec: ModelSpec;
  readonly source: Source;
  readonly layouts: readonly ExpertLayout[];
  readonly library: ModelLibrary | undefined;
  readonly notices: readonly string[];
}

export async function openEngine(request: OpenRequest): Promise<OpenedEngine> {
  const { signal, gpuBytes, ramBytes } = request;
  // Before anything is downloaded.
  if (gpuBytes !== undefined) budgetBytes(gpuBytes, 0);
  if (ramBytes !== undefined) checkNumber('ramBytes', ramBytes, RAM_BYTES_RULE);
  if (request.policy !== undefined) checkPolicyName(request.policy);
  if (request.lookAheadLayers !== undefined) checkNumber('lookAheadLayers', request.lookAheadLayers, LOOK_AHEAD_RULE);
  request.onProgress('open', 0, 0);
  const model = await openModel(request);
  try {
    throwIfAborted(signal);
    return await openOn(request, model);
  } catch (thrown) {
    await model.source.close?.();
    throw thrown;
  }
}

async function openOn(request: OpenRequest, opened: OpenedModel): Promise<OpenedEngine> {
  const { backend, signal, onProgress } = request;
  const { file, spec, source, layouts, library } = opened;
  const tokenizer = createTokenizer(file);
  const template = createChatTemplate(file);
  const experts = moeLayers(spec);
  const ramBytes = request.ramBytes ?? DEFAULT_RAM_BYTES;
  const tiers = await ExpertTiers.open({
    expertCounts: moeLayers(spec).map(({ ffn }) => ffn.expertCount),
    expertBytes: layouts.map(({ sizeBytes }) => sizeBytes),
    ramBudgetBytes: ramBytes,
    library,
    importExpert: (layer, expert, importSignal) => importExpert(source, experts[layer]!, layouts[layer]!, expert, importSignal),
    clock: request.clock,
  });
  const contextLength = resolveContextLength(request.contextLength, spec);
  const expertTotalBytes = slotBytesOf(layouts) * experts.reduce((sum, { ffn }) => sum + ffn.expertCount, 0);
  const { maxBindingBytes, maxBufferBytes } = backend.limits;
  const description = describeModel(file, spec, { contextLength, maxSlabBytes: Math.min(maxBindingBytes, maxBufferBytes) });
  const core = await EngineCore.open({
    backend,
    spec,
    source,
    tokenizer,
    supply: tiers,
    layouts,
    storeKind: library ? request.store!.kind : 'none',
    budget: request.gpuBytes ?? Math.min(expertTotalBytes, DEFAULT_GPU_BYTES),
    ramBytes,
    contextLength,
    policy: request.policy,
    lookAheadLayers: request.lookAheadLayers,
    clock: request.clock,
    signal,
    onProgress,
  });
  return {
    core,
    tokenizer,
    template,
    tiers,
    lost: backend.lost,
    description,
    model: describe(request, opened, { contextLength, expertTotalBytes, hasChatTemplate: template !== undefined }),
    storeRest: () => storeIfRoom(tiers, expertTotalBytes, () => whatCouldBeDeleted(request, library?.modelId)),
  };
}

/** Storing is a service: what goes wrong is in `tiers.notices`, and the model runs all the same. */
async function storeIfRoom(tiers: ExpertTiers, expertTotalBytes: number, advice: () => Promise<string>): Promise<void> {
  const estimate = await estimateStorage();
  const missingBytes = expertTotalBytes - tiers.supplyStats().diskBytes;
  if (estimate && estimate.quotaBytes - estimate.usedBytes < missingBytes) {
    const notice = 'There is not enough room to store the whole model in this browser: experts that do not fit are read again from where the model is.';
    tiers.notices.push(notice + (await advice()));
    return;
  }
  const noticeCount = tiers.notices.length;
  const isStored = await tiers.fillInBackground().catch(() => true); // ended by the engine, or the network: nothing that room would help
  if (!isStored && tiers.notices.length > noticeCount) tiers.notices[noticeCount] += await advice();
}

/** Deleting is the user's to decide, so it is only offered. Empty when nothing else is stored. */
async function whatCouldBeDeleted({ storedModels }: OpenRequest, ownId: string | undefined): Promise<string> {
  const models = (await storedModels?.().catch(() => [])) ?? [];
  const others = models.filter(({ id, bytes }) => id !== ownId && bytes > 0).sort((a, b) => a.lastUsedAt - b.lastUsedAt);
  if (others.length === 0) return '';
  return ` Stored models that could be deleted, the one used longest ago first: ${others.map(({ name, bytes }) => `${name} (${formatBytes(bytes)})`).join(', ')}.`;
}

/** Opens the source, or what is stored of it when the source cannot be reached. */
async function openModel(request: OpenRequest): Promise<OpenedModel> {
  const { store, sourceName, openSource, signal } = request;
  const stored = store && (await ModelLibrary.findBySource(store, sourceName, LAYOUT_VERSION).catch(() => undefined));
  const notices = [...request.notices];
  let origin: Source | undefined;
  try {
    origin = await openSource(stored?.manifest?.complete ?? false);
  } catch (thrown) {
    const error = EngineError.from(thrown);
    if (!stored?.manifest?.complete || error.code === 'aborted') throw error;
    notices.push('The place the model came from cannot be reached; it runs from what is stored in this browser.');
    await stored.markInUse();
    const model = await openStored(stored, signal).catch(() => undefined);
    if (!model) throw error;
    return { ...model, notices };
  }
  try {
    const file = await readGguf(origin, signal);
    const spec = specFromGguf(file);
    const layouts = moeLayers(spec).map(expertLayout);
    const header = store && (await origin.read(0, file.dataStartBytes, signal));
    const library = header && (await openLibrary(request, origin, header, spec, layouts, notices));
    const source = library ? await LibrarySource.open(library, header, origin) : origin;
    return { file, spec, source, layouts, library, notices };
  } catch (thrown) {
    await origin.close?.();
    throw thrown;
  }
}

async function openStored(library: ModelLibrary, signal: AbortSignal | undefined): Promise<Omit<OpenedModel, 'notices'>> {
  const header = await library.readSourceHeader();
  if (header.status !== 'found')
    throw new EngineError('record-corrupt', 'The stored header of the model is damaged.', 'Load the model again while its server can be reached.');
  const source = await LibrarySource.open(library, header.payload, undefined);
  const file = await readGguf(source, signal);
  const spec = specFromGguf(file);
  return { file, spec, source, layouts: moeLayers(spec).map(expertLayout), library };
}

/** What is stored of this very file, with its manifest and header written. Undefined when the store takes nothing. */
async function openLibrary(
  { store, sourceName, now }: OpenRequest,
  origin: Source,
  header: Uint8Array,
  spec: ModelSpec,
  layouts: readonly ExpertLayout[],
  notices: string[],
): Promise<ModelLibrary | undefined> {
  const layout: StoredLayout = {
    version: LAYOUT_VERSION,
    expertCounts: moeLayers(spec).map(({ ffn }) => ffn.expertCount),
    expertBytes: layouts.map(({ sizeBytes }) => sizeBytes),
    trunk: trunkRanges(spec),
  };
  try {
    return await ModelLibrary.open(store!, modelIdOf(origin.identity), LAYOUT_VERSION, async (library) => {
      const { manifest } = library;
      await library.writeManifest({
        version: MANIFEST_VERSION,
        identity: origin.identity,
        sourceName,
        modelName: spec.name,
        sizeBytes: origin.sizeBytes,
        layout,
        complete: manifest?.complete ?? false,
        createdAt: manifest?.createdAt ?? now(),
        lastUsedAt: now(),
      });
      if ((await library.readSourceHeader()).status !== 'found') await library.writeSourceHeader(header);
    });
  } catch (thrown) {
    const { message } = EngineError.from(thrown);
    notices.push(`The model cannot be stored in this browser, so it is downloaded again next time. ${message}`);
    return undefined;
  }
}

function resolveContextLength(wanted: number | undefined, { contextLength }: ModelSpec): number {
  if (wanted === undefined) return Math.min(contextLength, DEFAULT_CONTEXT_LENGTH);
  if (Number.isInteger(wanted) && wanted >= 2 && wanted <= contextLength) return wanted;
  throw new EngineError('invalid-argument', `contextLength is ${wanted}.`, `This model takes a whole number from 2 to ${contextLength}.`);
}

function describe(
  { backend, sourceName, isDemo, fallbackReason, storage }: OpenRequest,
  { spec, layouts, notices, library }: OpenedModel,
  more: { readonly contextLength: number; readonly expertTotalBytes: number; readonly hasChatTemplate: boolean },
): ModelInfo {
  return {
    name: spec.name,
    architecture: spec.architecture,
    source: isDemo ? 'demo' : sourceName,
    isDemo,
    layerCount: spec.layers.length,
    moeLayers: moeLayers(spec).map(({ index }) => index),
    expertCounts: spec.layers.map(({ ffn }) => (ffn.kind === 'moe' ? ffn.expertCount : 0)),
    expertsPerToken: Math.max(0, ...moeLayers(spec).map(({ ffn }) => ffn.router.select.topK)),
    hiddenSize: spec.hiddenSize,
    vocabularySize: spec.vocabularySize,
    contextLength: more.contextLength,
    parameterCount: spec.parameterCount,
    trunkBytes: trunkFileBytes(spec),
    expertBytes: slotBytesOf(layouts),
    expertTotalBytes: more.expertTotalBytes,
    hasChatTemplate: more.hasChatTemplate,
    backend: backend.kind,
    adapter: backend.adapterName,
    isSoftwareAdapter: backend.kind === 'webgpu' && backend.isSoftware,
    ...(fallbackReason === undefined ? {} : { fallbackReason }),
    ...(storage && library ? { storage } : {}),
    notices,
  };
}
