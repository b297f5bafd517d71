// A GGUF as a ModelSpec: which tensors make which layer, and the numbers from the metadata. Defaults for absent keys are those of llama.cpp
// (llama-model.cpp, load_hparams), since its converter leaves keys out that have their default.

import { EngineError } from '../core/errors';
import type { GgufFile } from '../formats/gguf';
import type { GgufMetadata } from '../formats/gguf-metadata';
import { ARCHITECTURES, type Architecture } from './architectures';
import type { AttentionSpec, LayerSpec, ModelSpec } from './spec';
import { TensorLookup } from './tensor-lookup';

// Limits of what is plausible, so that a damaged number is refused here and not by an allocation.
const MAX_LAYERS = 512;
const MAX_EXPERTS = 512;
const MAX_EXPERTS_PER_TOKEN = 16;
const MAX_HIDDEN_SIZE = 65_536;
const MAX_FFN_SIZE = 1_048_576;
const MAX_HEADS = 1024;
const MAX_HEAD_SIZE = 1024;
const MAX_VOCABULARY = 4_194_304;
const MAX_CONTEXT = 2 ** 31 - 1;
const DEFAULT_ROPE_BASE = 10_000;

interface Hyperparameters {
  readonly layerCount: number;
  readonly hiddenSize: number;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  readonly expertHiddenSize: number;
  readonly normEpsilon: number;
  readonly attention: AttentionSpec;
}

/**
 * Rejects with EngineError: 'unsupported-architecture', 'file-corrupt' (the message names the metadata key), 'tensor-missing', 'tensor-mismatch',
 * 'unsupported-tensor-type' (the message names the tensor).
 */
export function specFromGguf(file: GgufFile): ModelSpec {
  const name = file.metadata.string('general.architecture');
  const architecture = ARCHITECTURES.get(name);
  if (!architecture) {
    const supported = [...ARCHITECTURES.keys()].join(', ');
    throw new EngineError(
      'unsupported-architecture',
      `The architecture of the model is "${name}".`,
      `Supported now: ${supported}. Choose a model of one of these.`,
    );
  }
  const hyperparameters = readHyperparameters(file, name, architecture);
  const { layerCount, hiddenSize, vocabularySize, contextLength, normEpsilon, attention } = hyperparameters;
  const tensors = new TensorLookup(file);
  const embedding = tensors.matrix(architecture.embedding, vocabularySize, hiddenSize);
  const spec = {
    architecture: name,
    name: file.metadata.string('general.name', file.name),
    layers: Array.from({ length: layerCount }, (_, index) => layerSpec(tensors, architecture, hyperparameters, index)),
    hiddenSize,
    vocabularySize,
    contextLength,
    normEpsilon,
    attention,
    embedding,
    outputNorm: tensors.vector(architecture.outputNorm, hiddenSize),
    outputHead: tensors.has(architecture.outputHead) ? tensors.matrix(architecture.outputHead, vocabularySize, hiddenSize) : embedding,
  };
  tensors.expectAllTaken();
  return { ...spec, parameterCount: tensors.parameterCount };
}

function layerSpec(tensors: TensorLookup, architecture: Architecture, hyperparameters: Hyperparameters, index: number): LayerSpec {
  const { hiddenSize, expertCount, expertHiddenSize, expertsPerToken } = hyperparameters;
  const { headCount, kvHeadCount, headSize } = hyperparameters.attention;
  const names = architecture.layer;
  const nameOf = (pattern: string): string => pattern.replace('{}', String(index));
  return {
    index,
    attentionNorm: tensors.vector(nameOf(names.attentionNorm), hiddenSize),
    query: tensors.matrix(nameOf(names.query), headCount * headSize, hiddenSize),
    key: tensors.matrix(nameOf(names.key), kvHeadCount * headSize, hiddenSize),
    value: tensors.matrix(nameOf(names.value), kvHeadCount * headSize, hiddenSize),
    ...(names.queryNorm !== undefined && { queryNorm: tensors.vector(nameOf(names.queryNorm), headSize) }),
    ...(names.keyNorm !== undefined && { keyNorm: tensors.vector(nameOf(names.keyNorm), headSize) }),
    attentionOutput: tensors.matrix(nameOf(names.attentionOutput), hiddenSize, headCount * headSize),
    ffnNorm: tensors.vector(nameOf(names.ffnNorm), hiddenSize),
    moe: {
      router: { ...architecture.router, select: { topK: expertsPerToken } },
      routerWeight: tensors.matrix(nameOf(names.routerWeight), expertCount, hiddenSize),
      expertCount,
      expertHiddenSize,
      activation: architecture.activation,
      gate: tensors.expertStack(nameOf(names.gate), expertCount, expertHiddenSize, hiddenSize),
      up: tensors.expertStack(nameOf(names.up), expertCount, expertHiddenSize, hiddenSize),
      down: tensors.expertStack(nameOf(names.down), expertCount, hiddenSize, expertHiddenSize),
    },
  };
}

function readHyperparameters(file: GgufFile, prefix: string, architecture: Architecture): Hyperparameters {
  const { metadata } = file;
  const layerCount = metadata.integer(`${prefix}.block_count`, 1, MAX_LAYERS);
  const hiddenSize = metadata.integer(`${prefix}.embedding_length`, 1, MAX_HIDDEN_SIZE);
  const expertCount = metadata.integer(`${prefix}.expert_count`, 1, MAX_EXPERTS);
  const expertsPerToken = metadata.integer(`${prefix}.expert_used_count`, 1, Math.min(expertCount, MAX_EXPERTS_PER_TOKEN));
  return {
    layerCount,
    hiddenSize,
    contextLength: metadata.integer(`${prefix}.context_length`, 1, MAX_CONTEXT),
    vocabularySize: readVocabularySize(file, prefix, architecture),
    expertCount,
    expertsPerToken,
    expertHiddenSize: readExpertHiddenSize(metadata, prefix, expertsPerToken),
    normEpsilon: positive(metadata, `${prefix}.attention.layer_norm_rms_epsilon`),
    attention: readAttention(metadata, prefix, architecture, hiddenSize),
  };
}

function readAttention(metadata: GgufMetadata, prefix: string, architecture: Architecture, hiddenSize: number): AttentionSpec {
  const headCount = metadata.integer(`${prefix}.attention.head_count`, 1, MAX_HEADS);
  const kvHeadCount = metadata.integer(`${prefix}.attention.head_count_kv`, 1, headCount, headCount);
  if (headCount % kvHeadCount !== 0) throw corruptKey(`${prefix}.attention.head_count_kv`, `${kvHeadCount} does not divide the ${headCount} heads`);
  const headSizeKey = `${prefix}.attention.key_length`;
  const headSize = metadata.has(headSizeKey) ? metadata.integer(headSizeKey, 2, MAX_HEAD_SIZE) : hiddenSize / headCount;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) throw corruptKey(headSizeKey, `a head size of ${headSize} is not an even number`);
  // The default of value_length is hidden/heads too, whatever key_length says.
  const valueHeadSize = metadata.integer(`${prefix}.attention.value_length`, 1, MAX_HEAD_SIZE, hiddenSize / headCount);
  if (valueHeadSize !== headSize) throw unsupportedVariant(`${prefix}.attention.value_length`, `values of ${valueHeadSize} beside keys of ${headSize}`);
  const rotaryKey = `${prefix}.rope.dimension_count`;
  const rotaryDimensions = metadata.integer(rotaryKey, 2, headSize, headSize);
  if (rotaryDimensions % 2 !== 0) throw corruptKey(rotaryKey, `${rotaryDimensions} is odd`);
  expectNoRopeScaling(metadata, prefix);
  return {
    headCount,
    kvHeadCount,
    headSize,
    hasHeadNorm: architecture.layer.queryNorm !== undefined && architecture.layer.keyNorm !== undefined,
    rope: { kind: architecture.rope, base: positive(metadata, `${prefix}.rope.freq_base`, DEFAULT_ROPE_BASE), rotaryDimensions },
  };
}

/** Positions stretched for long contexts: without the stretching the text would be wrong, so such a file is refused. */
function expectNoRopeScaling(metadata: GgufMetadata, prefix: string): void {
  const typeKey = `${prefix}.rope.scaling.type`;
  const type = metadata.string(typeKey, 'linear');
  if (type === 'none') return;
  if (type !== 'linear') throw unsupportedVariant(typeKey, `RoPE scaling "${type}"`);
  for (const key of [`${prefix}.rope.scaling.factor`, `${prefix}.rope.scale_linear`]) {
    const factor = metadata.float(key, 1);
    if (factor !== 1 && factor !== 0) throw unsupportedVariant(key, `RoPE scaling by ${factor}`);
  }
}

function readVocabularySize(file: GgufFile, prefix: string, architecture: Architecture): number {
  const key = `${prefix}.vocab_size`;
  const { metadata } = file;
  if (metadata.has(key)) return metadata.integer(key, 1, MAX_VOCABULARY);
  if (metadata.has('tokenizer.ggml.tokens')) return metadata.strings('tokenizer.ggml.tokens').length;
  const rowCount = file.tensors.get(architecture.embedding)?.dimensions[1];
  if (rowCount === undefined || rowCount > MAX_VOCABULARY) throw corruptKey(key, 'it is missing, and so is the vocabulary');
  return rowCount;
}

/** The width of one expert: its own key, else the layer's width shared among the selected experts. */
function readExpertHiddenSize(metadata: GgufMetadata, prefix: string, expertsPerToken: number): number {
  const key = `${prefix}.expert_feed_forward_length`;
  if (metadata.has(key)) return metadata.integer(key, 1, MAX_FFN_SIZE);
  const size = metadata.integer(`${prefix}.feed_forward_length`, 1, MAX_FFN_SIZE) / expertsPerToken;
  if (!Number.isInteger(size)) throw corruptKey(`${prefix}.feed_forward_length`, `it is not a multiple of the ${expertsPerToken} experts that a token uses`);
  return size;
}

function positive(metadata: GgufMetadata, key: string, fallback?: number): number {
  const value = metadata.float(key, fallback);
  if (value <= 0) throw corruptKey(key, `${value} is not positive`);
  return value;
}

function corruptKey(key: string, problem: string): EngineError {
  return new EngineError('file-corrupt', `The metadata key "${key}" is impossible: ${problem}.`, 'Get the file again, or another conversion of the model.');
}

function unsupportedVariant(key: string, what: string): EngineError {
  return new EngineError(
    'unsupported-architecture',
    `The model needs ${what} ("${key}"), which is not supported.`,
    'Choose another model of this architecture.',
  );
}
