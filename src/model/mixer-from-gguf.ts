// The part of a layer that mixes positions: grouped-query attention, latent attention or a short convolution, by the tensors that are there.

import type { Architecture } from './architectures';
import { type Hyperparameters, LIMITS } from './hyperparameters';
import type { AttentionSpec, LatentAttentionSpec, LayerSpec, RopeSpec, ShortConvolutionSpec, TensorRef } from './spec';
import type { TensorLookup } from './tensor-lookup';

const DEFAULT_ROPE_BASE = 10_000;

export interface MixerContext {
  readonly tensors: TensorLookup;
  readonly numbers: Hyperparameters;
  readonly architecture: Architecture;
  readonly hiddenSize: number;
  readonly rope: RopeSpec;
  readonly headCounts: readonly number[];
  readonly kvHeadCounts: readonly number[];
}

export function mixerSpec(context: MixerContext, index: number): LayerSpec['mixer'] {
  const { tensors } = context;
  if (tensors.has(`blk.${index}.shortconv.conv.weight`)) return shortConvolution(context, index);
  if (tensors.has(`blk.${index}.attn_kv_a_mqa.weight`)) return latentAttention(context, index);
  return attention(context, index);
}

/** Head size of plain attention. */
export function headSizeOf(numbers: Hyperparameters, hiddenSize: number, headCount: number): number {
  const headSize = numbers.has('attention.key_length') ? numbers.integer('attention.key_length', 2, LIMITS.headSize) : hiddenSize / headCount;
  if (!Number.isInteger(headSize) || headSize % 4 !== 0 || headSize > LIMITS.headSize) {
    throw numbers.corrupt('attention.key_length', `a head size of ${headSize} is not a multiple of 4 up to ${LIMITS.headSize}`);
  }
  return headSize;
}

function attention({ tensors, numbers, architecture, hiddenSize, rope, headCounts, kvHeadCounts }: MixerContext, index: number): AttentionSpec {
  const headCount = headCounts[index]!;
  const kvHeadCount = kvHeadCounts[index]!;
  if (headCount % kvHeadCount !== 0) throw numbers.corrupt('attention.head_count_kv', `${kvHeadCount} does not divide the ${headCount} heads`);
  const headSize = headSizeOf(numbers, hiddenSize, headCount);
  const valueSize = numbers.integer('attention.value_length', 1, LIMITS.headSize, hiddenSize / headCount);
  // llama.cpp's default of value_length is hidden / heads whatever key_length says; files whose keys are wider name both.
  if (valueSize !== headSize) throw numbers.unsupported('attention.value_length', `values of ${valueSize} beside keys of ${headSize}`);
  const name = (part: string) => `blk.${index}.${part}`;
  const queryRows = headCount * headSize;
  const kvRows = kvHeadCount * headSize;
  const fused = { total: queryRows + 2 * kvRows };
  const isFused = tensors.has(name('attn_qkv.weight'));
  const part = (own: string, rowCount: number, first: number) =>
    isFused ? tensors.linear(name('attn_qkv'), rowCount, hiddenSize, { ...fused, first }) : tensors.linear(name(own), rowCount, hiddenSize);
  const window = architecture.window && numbers.integer('attention.sliding_window', 0, LIMITS.context, 0) > 0 ? architecture.window : undefined;
  const isWindowed = window?.isWindowed(index) ?? false;
  const headNorm = headNormOf(tensors, index, headSize, queryRows, kvRows);
  const sinks = tensors.optionalVector(name('attn_sinks.weight'), headCount);
  const scale = architecture.hasScales ? numbers.factor('attention.scale', 1 / Math.sqrt(headSize)) : 1 / Math.sqrt(headSize);
  return {
    kind: 'attention',
    headCount,
    kvHeadCount,
    headSize,
    query: part('attn_q', queryRows, 0),
    key: part('attn_k', kvRows, queryRows),
    value: part('attn_v', kvRows, queryRows + kvRows),
    output: tensors.linear(name('attn_output'), hiddenSize, queryRows),
    ...(headNorm ? { headNorm } : {}),
    hasRope: rope.dimensions > 0 && !(window?.ropeOnlyInWindows && !isWindowed),
    scoreScale: scale,
    window: isWindowed ? (window?.size ?? numbers.integer('attention.sliding_window', 1, LIMITS.context)) : 0,
    ...(sinks ? { sinks } : {}),
  };
}

function headNormOf(tensors: TensorLookup, index: number, headSize: number, queryRows: number, kvRows: number): AttentionSpec['headNorm'] {
  const queryName = `blk.${index}.attn_q_norm.weight`;
  const keyName = `blk.${index}.attn_k_norm.weight`;
  if (!tensors.has(queryName) && !tensors.has(keyName)) return undefined;
  const isRow = tensors.dimensions(queryName)?.[0] === queryRows && queryRows !== headSize;
  return isRow
    ? { scope: 'row', query: tensors.vector(queryName, queryRows), key: tensors.vector(keyName, kvRows) }
    : { scope: 'head', query: tensors.vector(queryName, headSize), key: tensors.vector(keyName, headSize) };
}

function latentAttention({ tensors, numbers, hiddenSize, rope, headCounts }: MixerContext, index: number): LatentAttentionSpec {
  const headCount = headCounts[index]!;
  const name = (part: string) => `blk.${index}.${part}`;
  const latentSize = numbers.integer('attention.kv_lora_rank', 1, LIMITS.hiddenSize);
  const isSplit = tensors.has(name('attn_k_b.weight'));
  const keySize = numbers.integer(isSplit ? 'attention.key_length_mla' : 'attention.key_length', 4, LIMITS.headSize);
  const valueSize = numbers.integer(isSplit ? 'attention.value_length_mla' : 'attention.value_length', 4, LIMITS.headSize);
  const plainSize = keySize - rope.dimensions;
  if (plainSize < 1 || keySize % 4 !== 0) throw numbers.corrupt('attention.key_length', `a head of ${keySize} with ${rope.dimensions} columns that turn`);
  if (valueSize % 4 !== 0) throw numbers.unsupported('attention.value_length', `values of ${valueSize}, which is not a multiple of 4`);
  const total = latentSize + rope.dimensions;
  const down = name('attn_kv_a_mqa.weight');
  return {
    kind: 'latent-attention',
    headCount,
    plainSize,
    valueSize,
    query: latentQuery(tensors, numbers, index, headCount * keySize, hiddenSize),
    latent: tensors.matrix(down, latentSize, hiddenSize, { first: 0, total }),
    keyRotary: tensors.matrix(down, rope.dimensions, hiddenSize, { first: latentSize, total }),
    latentNorm: tensors.vector(name('attn_kv_a_norm.weight'), latentSize),
    expand: isSplit
      ? {
          key: tensors.transposedStack(name('attn_k_b.weight'), headCount, plainSize, latentSize),
          value: tensors.stackedRows(name('attn_v_b.weight'), headCount, valueSize, latentSize),
        }
      : { both: tensors.matrix(name('attn_kv_b.weight'), headCount * (plainSize + valueSize), latentSize) },
    output: tensors.linear(name('attn_output'), hiddenSize, headCount * valueSize),
    scoreScale: latentScoreScale(numbers, rope, keySize),
  };
}

function latentQuery(tensors: TensorLookup, numbers: Hyperparameters, index: number, rowCount: number, hiddenSize: number): LatentAttentionSpec['query'] {
  const name = (part: string) => `blk.${index}.${part}.weight`;
  if (tensors.has(name('attn_q'))) return { weight: tensors.matrix(name('attn_q'), rowCount, hiddenSize) };
  const rank = numbers.integer('attention.q_lora_rank', 1, LIMITS.hiddenSize);
  return {
    down: tensors.matrix(name('attn_q_a'), rank, hiddenSize),
    norm: tensors.vector(name('attn_q_a_norm'), rank),
    up: tensors.matrix(name('attn_q_b'), rowCount, rank),
  };
}

/** YaRN stretches scores here and leaves cos and sin alone (DeepSeek-V2's mscale_all_dim); the key holds a tenth of it. */
function latentScoreScale(numbers: Hyperparameters, rope: RopeSpec, keySize: number): number {
  const plain = 1 / Math.sqrt(keySize);
  if (rope.scaling.kind !== 'yarn') return plain;
  const key = 'rope.scaling.yarn_log_multiplier';
  const multiplier = numbers.has(key) ? numbers.float(key) : 0.1;
  return plain * (1 + multiplier * Math.log(rope.scaling.factor)) ** 2;
}

function shortConvolution({ tensors, numbers, hiddenSize }: MixerContext, index: number): ShortConvolutionSpec {
  const name = (part: string) => `blk.${index}.shortconv.${part}`;
  const tapCount = numbers.integer('shortconv.l_cache', 1, LIMITS.taps);
  return {
    kind: 'short-convolution',
    input: tensors.linear(name('in_proj'), 3 * hiddenSize, hiddenSize),
    taps: tensors.matrix(name('conv.weight'), hiddenSize, tapCount),
    tapCount,
    output: tensors.linear(name('out_proj'), hiddenSize, hiddenSize),
  };
}

/** How positions turn, for all layers alike. */
export function ropeSpec(tensors: TensorLookup, numbers: Hyperparameters, pairing: RopeSpec['pairing'], headSize: number, contextLength: number): RopeSpec {
  const dimensions = numbers.integer('rope.dimension_count', 2, LIMITS.headSize, headSize);
  if (dimensions % 2 !== 0) throw numbers.corrupt('rope.dimension_count', `${dimensions} is odd`);
  const scaling = ropeScaling(numbers, contextLength);
  const ownMagnitude = numbers.factor('rope.scaling.attn_factor', 1);
  // DeepSeek's key moves the stretching from cos and sin to the scores.
  const isYarn = scaling.kind === 'yarn' && !numbers.has('rope.scaling.yarn_log_multiplier');
  const factors = ropeFactors(tensors, numbers, dimensions, contextLength);
  return {
    pairing,
    // Granite's way of saying that a model has no RoPE at all.
    dimensions: numbers.boolean('rope.scaling.finetuned', true) ? dimensions : 0,
    base: numbers.positive('rope.freq_base', DEFAULT_ROPE_BASE),
    magnitude: ownMagnitude * (isYarn ? 1 + 0.1 * Math.log(scaling.factor) : 1),
    ...(factors ? { factors } : {}),
    scaling,
  };
}

function ropeScaling(numbers: Hyperparameters, contextLength: number): RopeSpec['scaling'] {
  const type = numbers.string('rope.scaling.type', 'linear');
  const factor = numbers.factor('rope.scaling.factor', numbers.factor('rope.scale_linear', 1));
  if (!(factor > 0) || !Number.isFinite(factor)) throw numbers.corrupt('rope.scaling.factor', `${factor} is not positive`);
  switch (type) {
    case 'none':
      return { kind: 'none' };
    case 'linear':
      return factor === 1 ? { kind: 'none' } : { kind: 'linear', factor };
    case 'yarn':
      return {
        kind: 'yarn',
        factor,
        originalContextLength: numbers.integer('rope.scaling.original_context_length', 1, LIMITS.context, contextLength),
      };
    case 'longrope':
      return { kind: 'none' }; // the factors are tensors
    default:
      throw numbers.unsupported('rope.scaling.type', `RoPE scaling "${type}"`);
  }
}

function ropeFactors(tensors: TensorLookup, numbers: Hyperparameters, dimensions: number, contextLength: number): TensorRef | undefined {
  const long = tensors.optionalVector('rope_factors_long.weight', dimensions / 2);
  const short = tensors.optionalVector('rope_factors_short.weight', dimensions / 2);
  const original = numbers.integer('rope.scaling.original_context_length', 1, LIMITS.context, contextLength);
  if (long && short) return contextLength > original ? long : short;
  return tensors.optionalVector('rope_freqs.weight', dimensions / 2);
}
