// What a model file holds and what running it would take, from its header alone. The sizes on the GPU are worked out by what the engine itself lays out slots,
// trunk and caches with. It lives here and not in src/model for that reason.

import type { LayerDescription, MemoryNeed, ModelDescription, RouterDescription, TensorClass } from '../core/model-description';
import type { GgufFile } from '../formats/gguf';
import type { GgufMetadata } from '../formats/gguf-metadata';
import { type ExpertStackRef, type LayerSpec, type ModelSpec, moeLayers } from '../model/spec';
import { readStopTokenIds } from '../model/vocabulary';
import { budgetBytes, planSlabs } from '../scheduler/budget';
import { expertLayout, slotBytesOf } from './expert-layout';
import { trunkDeviceBytes } from './trunk-bytes';
import { mixerSizes, shapeOf } from './workspace';

const BUDGET_PERCENTS = [5, 10, 25, 50, 75, 100] as const;
const MAX_TEMPLATE_LENGTH = 16_384;

export interface DescribeOptions {
  /** Positions that the caches are sized for. */
  readonly contextLength: number;
  /** Bytes that the adapter binds at once; unlimited when there is no adapter to ask. */
  readonly maxSlabBytes?: number;
}

/** Throws 'file-corrupt' for impossible tokenizer metadata, 'out-of-memory' when the experts that one layer needs at once exceed `maxSlabBytes`. */
export function describeModel(file: GgufFile, spec: ModelSpec, options: DescribeOptions): ModelDescription {
  const layers = moeLayers(spec);
  const first = layers[0]?.ffn;
  const bytesByClass = classBytes(file, spec);
  const template = file.metadata.get('tokenizer.chat_template');
  return {
    name: spec.name,
    architecture: spec.architecture,
    parameterCount: spec.parameterCount,
    contextLength: spec.contextLength,
    layers: spec.layers.map(describeLayer),
    routers: describeRouters(spec),
    experts: {
      layers: layers.length,
      perLayer: first?.expertCount ?? 0,
      perToken: first?.router.select.topK ?? 0,
      bytesPerExpert: first ? sum([first.gate, first.up, first.down].map(bytesOfOne)) : 0,
      totalBytes: bytesByClass.experts,
    },
    bytesByClass,
    bytesByType: typeBytes(file),
    tokenizer: describeTokenizer(file.metadata, spec),
    ...(typeof template === 'string' && { template: { text: template.slice(0, MAX_TEMPLATE_LENGTH), length: template.length } }),
    needs: { contextLength: options.contextLength, budgets: memoryNeeds(spec, options) },
  };
}

function describeLayer({ index, mixer, ffn }: LayerSpec): LayerDescription {
  return {
    index,
    mixer: mixer.kind,
    ...(mixer.kind === 'attention' && { window: mixer.window }),
    ffn: ffn.kind,
    expertCount: ffn.kind === 'moe' ? ffn.expertCount : 0,
    expertsPerToken: ffn.kind === 'moe' ? ffn.router.select.topK : 0,
  };
}

function describeRouters(spec: ModelSpec): RouterDescription[] {
  const found = new Map<string, { layers: number[]; router: Readonly<Record<string, unknown>> }>();
  for (const { index, ffn } of moeLayers(spec)) {
    const key = JSON.stringify(ffn.router);
    const alike = found.get(key);
    if (alike) alike.layers.push(index);
    else found.set(key, { layers: [index], router: { ...ffn.router } });
  }
  return [...found.values()];
}

/** Bytes of an expert and its bias row. */
function bytesOfOne({ bytesPerExpert, bias, expertCount }: ExpertStackRef): number {
  return bytesPerExpert + (bias ? bias.sizeBytes / expertCount : 0);
}

function classBytes(file: GgufFile, spec: ModelSpec): Record<TensorClass, number> {
  const classes = tensorClasses(spec);
  const bytes = { embedding: 0, attention: 0, norms: 0, routers: 0, denseFfn: 0, experts: 0, outputHead: 0, unused: 0 };
  for (const { name, sizeBytes } of file.tensors.values()) bytes[classes.get(name) ?? 'unused'] += sizeBytes;
  return bytes;
}

/** By name: gate and up of experts can be halves of one tensor. The first class that names a tensor has it. */
function tensorClasses(spec: ModelSpec): Map<string, TensorClass> {
  const classes = new Map<string, TensorClass>();
  const put = (part: unknown, tensorClass: TensorClass): void => {
    if (typeof part !== 'object' || part === null) return;
    if ('codec' in part && 'name' in part && !classes.has(String(part.name))) classes.set(String(part.name), tensorClass);
    for (const inner of Object.values(part)) put(inner, tensorClass);
  };
  put(spec.embedding, 'embedding');
  put(spec.outputHead, 'outputHead');
  put(spec.outputNorm, 'norms');
  put(spec.rope, 'attention');
  for (const { mixerNorm, mixer, ffnNorm, ffn } of spec.layers) {
    put([mixerNorm, ffnNorm], 'norms');
    put(mixer, 'attention');
    if (ffn.kind === 'dense') put(ffn, 'denseFfn');
    else {
      put([ffn.routerWeight, ffn.routerBias, ffn.selectionBias], 'routers');
      put([ffn.gate, ffn.up, ffn.down], 'experts');
      put(ffn.shared, 'denseFfn');
    }
  }
  return classes;
}

function typeBytes(file: GgufFile): ModelDescription['bytesByType'] {
  const types: Record<string, { count: number; bytes: number }> = {};
  for (const { type, sizeBytes } of file.tensors.values()) {
    const entry = (types[type.name] ??= { count: 0, bytes: 0 });
    entry.count++;
    entry.bytes += sizeBytes;
  }
  return types;
}

/** Also of a tokenizer that the engine cannot run. */
function describeTokenizer(metadata: GgufMetadata, { vocabularySize }: ModelSpec): ModelDescription['tokenizer'] {
  const texts = metadata.strings('tokenizer.ggml.tokens', []);
  const types = metadata.numbers('tokenizer.ggml.token_type', []);
  const named = (field: 'model' | 'pre') => {
    const value = metadata.get(`tokenizer.ggml.${field}`);
    return typeof value === 'string' ? { [field]: value } : {};
  };
  const stops = texts.length === 0 ? [] : readStopTokenIds(metadata, { texts, types });
  return { ...named('model'), ...named('pre'), vocabularySize, stopTokens: stops.map((id) => ({ id, text: texts[id] ?? '' })) };
}

function memoryNeeds(spec: ModelSpec, { contextLength, maxSlabBytes = Number.MAX_SAFE_INTEGER }: DescribeOptions): MemoryNeed[] {
  const { layerCount, expertCount, topK } = shapeOf(spec, contextLength);
  const slotBytes = slotBytesOf(moeLayers(spec).map(expertLayout));
  const trunkBytes = trunkDeviceBytes(spec);
  const cacheFloats = sum(spec.layers.map((layer) => mixerSizes(layer, spec)).map(({ key, value }) => key + value));
  const cacheBytes = contextLength * cacheFloats * 4;
  return BUDGET_PERCENTS.map((percent) => {
    const budget = budgetBytes(`${percent}%`, layerCount * expertCount * slotBytes);
    const slabs = layerCount === 0 ? [] : planSlabs({ layerCount, expertCount, expertsPerToken: topK, slotBytes, maxSlabBytes }, budget);
    const slotCount = sum(slabs.map((slab) => slab.slotCount));
    const allSlotBytes = slotCount * slotBytes;
    const totalBytes = allSlotBytes + trunkBytes + cacheBytes;
    return { percent, slotCount, slotBytes: allSlotBytes, trunkBytes, cacheBytes, totalBytes, holdsTokenCycle: slotCount >= layerCount * topK };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
