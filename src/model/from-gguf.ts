// A GGUF as a ModelSpec: which tensors make which layer, and the numbers from the metadata. Defaults for absent keys are those of llama.cpp
// (llama-model.cpp, load_hparams), since its converter leaves keys out that have their default.

import { EngineError } from '../core/errors';
import type { GgufFile } from '../formats/gguf';
import { ARCHITECTURES } from './architectures';
import { ffnSpec } from './ffn-from-gguf';
import { Hyperparameters, LIMITS } from './hyperparameters';
import { headSizeOf, mixerSpec, ropeSpec } from './mixer-from-gguf';
import type { LinearSpec, ModelSpec, TensorRef } from './spec';
import { TensorLookup } from './tensor-lookup';

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
  const numbers = new Hyperparameters(file.metadata, name);
  const tensors = new TensorLookup(file);
  const hiddenSize = numbers.integer('embedding_length', 1, LIMITS.hiddenSize);
  const contextLength = numbers.integer('context_length', 1, LIMITS.context);
  const blockCount = numbers.integer('block_count', 1, LIMITS.layers);
  // Layers at the end that predict further tokens are not run.
  const layerCount = blockCount - numbers.integer('nextn_predict_layers', 0, blockCount - 1, 0);
  const headCounts = numbers.perLayer('attention.head_count', layerCount, 1, LIMITS.heads);
  const kvHeadCounts = numbers.perLayer('attention.head_count_kv', layerCount, 0, LIMITS.heads, headCounts[0]);
  const isLatent = tensors.has('blk.0.attn_kv_a_mqa.weight');
  // Latent attention always names its columns that turn.
  const headSize = isLatent ? LIMITS.headSize : headSizeOf(numbers, hiddenSize, headCounts[0]!);
  const rope = ropeSpec(tensors, numbers, architecture.rope, headSize, contextLength);
  const expertCount = architecture.router
    ? numbers.integer('expert_count', architecture.mayBeDense ? 0 : 1, LIMITS.experts, architecture.mayBeDense ? 0 : undefined)
    : 0;
  const shared = { tensors, numbers, architecture, hiddenSize };
  const vocabularySize = readVocabularySize(file, numbers);
  const embedding = tensors.matrix('token_embd.weight', vocabularySize, hiddenSize);
  const spec = {
    architecture: name,
    name: file.metadata.string('general.name', file.name),
    layers: Array.from({ length: layerCount }, (_, index) => ({
      index,
      mixerNorm: tensors.norm(`blk.${index}.attn_norm`, hiddenSize),
      mixer: mixerSpec({ ...shared, rope, headCounts, kvHeadCounts }, index),
      ffnNorm: tensors.norm(`blk.${index}.${architecture.ffnNorm}`, hiddenSize),
      ffn: ffnSpec({ ...shared, expertCount }, index),
    })),
    hiddenSize,
    vocabularySize,
    contextLength,
    normEpsilon: numbers.positive('attention.layer_norm_rms_epsilon'),
    rope,
    embedding,
    outputNorm: tensors.norm(architecture.outputNorm, hiddenSize),
    outputHead: outputHead(tensors, embedding, vocabularySize, hiddenSize),
    scales: {
      embedding: numbers.factor('embedding_scale', 1),
      residual: architecture.hasScales ? numbers.factor('residual_scale', 1) : 1,
      logits: architecture.hasScales ? 1 / numbers.factor('logit_scale', 1) : 1,
    },
  };
  tensors.expectAllTaken((tensor) => {
    const layer = Number(/^blk\.(\d+)\./.exec(tensor)?.[1] ?? -1);
    return layer >= layerCount && layer < blockCount;
  });
  return { ...spec, parameterCount: tensors.parameterCount };
}

function outputHead(tensors: TensorLookup, embedding: TensorRef, vocabularySize: number, hiddenSize: number): LinearSpec {
  return tensors.has('output.weight') ? tensors.linear('output', vocabularySize, hiddenSize) : { weight: embedding };
}

function readVocabularySize(file: GgufFile, numbers: Hyperparameters): number {
  if (numbers.has('vocab_size')) return numbers.integer('vocab_size', 1, LIMITS.vocabulary);
  const { metadata } = file;
  if (metadata.has('tokenizer.ggml.tokens')) return metadata.strings('tokenizer.ggml.tokens').length;
  const rowCount = file.tensors.get('token_embd.weight')?.dimensions[1];
  if (rowCount === undefined || rowCount > LIMITS.vocabulary) throw numbers.corrupt('vocab_size', 'it is missing, and so is the vocabulary');
  return rowCount;
}
