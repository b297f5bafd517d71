// The part of a layer that works on each token by itself: routed experts, with or without shared ones, or a dense FFN.

import type { Architecture } from './architectures';
import { type Hyperparameters, LIMITS } from './hyperparameters';
import type { DenseFfnSpec, LayerSpec, MoeSpec, RouterSpec } from './spec';
import type { TensorLookup } from './tensor-lookup';

export interface FfnContext {
  readonly tensors: TensorLookup;
  readonly numbers: Hyperparameters;
  readonly architecture: Architecture;
  readonly hiddenSize: number;
  /** 0: no experts. */
  readonly expertCount: number;
}

/** Values of `expert_gating_func` (llama.cpp's llama_expert_gating_func_type). */
const GATING = { 1: 'softmax', 2: 'sigmoid' } as const;

export function ffnSpec(context: FfnContext, index: number): LayerSpec['ffn'] {
  return isMoeLayer(context, index) ? moeSpec(context, index) : denseSpec(context, index);
}

function isMoeLayer({ numbers, architecture, expertCount }: FfnContext, index: number): boolean {
  if (expertCount === 0) return false;
  if (index < numbers.integer('leading_dense_block_count', 0, LIMITS.layers, 0)) return false;
  return architecture.isMoeLayer?.(index, (key, fallback) => numbers.integer(key, 0, LIMITS.layers, fallback)) ?? true;
}

function denseSpec({ tensors, numbers, architecture, hiddenSize }: FfnContext, index: number): DenseFfnSpec {
  return dense(tensors, architecture, `blk.${index}.ffn_`, '', hiddenSize, numbers.integer('feed_forward_length', 1, LIMITS.ffnSize));
}

function dense(tensors: TensorLookup, architecture: Architecture, prefix: string, suffix: string, hiddenSize: number, size: number): DenseFfnSpec {
  return {
    kind: 'dense',
    activation: architecture.activation,
    hiddenSize: size,
    gate: tensors.linear(`${prefix}gate${suffix}`, size, hiddenSize),
    up: tensors.linear(`${prefix}up${suffix}`, size, hiddenSize),
    down: tensors.linear(`${prefix}down${suffix}`, hiddenSize, size),
  };
}

function moeSpec(context: FfnContext, index: number): MoeSpec {
  const { tensors, numbers, architecture, hiddenSize, expertCount } = context;
  const name = (part: string) => `blk.${index}.${part}`;
  const topK = numbers.integer('expert_used_count', 1, Math.min(expertCount, LIMITS.expertsPerToken));
  const size = expertSize(numbers, architecture, topK);
  const isFused = tensors.has(name('ffn_gate_up_exps.weight'));
  const half = (own: string, first: number) =>
    isFused
      ? tensors.expertStack(name('ffn_gate_up_exps'), expertCount, size, hiddenSize, { first, total: 2 * size })
      : tensors.expertStack(name(own), expertCount, size, hiddenSize);
  const router = tensors.linear(name('ffn_gate_inp'), expertCount, hiddenSize);
  const selectionBias = tensors.optionalVector(name('exp_probs_b.bias'), expertCount);
  const shared = sharedSpec(context, index, size);
  return {
    kind: 'moe',
    router: routerSpec(context, topK),
    routerWeight: router.weight,
    ...(router.bias ? { routerBias: router.bias } : {}),
    ...(selectionBias ? { selectionBias } : {}),
    expertCount,
    expertHiddenSize: size,
    activation: architecture.activation,
    gate: half('ffn_gate_exps', 0),
    up: half('ffn_up_exps', size),
    down: tensors.expertStack(name('ffn_down_exps'), expertCount, hiddenSize, size),
    ...(shared ? { shared } : {}),
  };
}

function routerSpec({ numbers, architecture, expertCount }: FfnContext, topK: number): RouterSpec {
  const choices = architecture.router!;
  const groupCount = numbers.integer('expert_group_count', 0, expertCount, 0);
  if (groupCount > 1 && expertCount % groupCount !== 0) throw numbers.corrupt('expert_group_count', `${groupCount} does not divide the ${expertCount} experts`);
  const keep = groupCount > 1 ? numbers.integer('expert_group_used_count', 1, groupCount) : 1;
  if (groupCount > 1 && (keep * expertCount) / groupCount < topK) {
    throw numbers.corrupt('expert_group_used_count', `${keep} of ${groupCount} groups have fewer than the ${topK} experts that a token uses`);
  }
  const groups = groupCount > 1 ? { groups: { count: groupCount, keep, top: 2 as const } } : {};
  const isNormed = choices.weigh === 'key' ? numbers.boolean('expert_weights_norm', false) : choices.weigh === 'renormalise';
  return {
    scope: 'token',
    score: 'linear',
    scoreInput: choices.scoreInput ?? 'ffn',
    activate: typeof choices.activate === 'string' ? choices.activate : gating(numbers, choices.activate.otherwise),
    select: { topK, ...groups },
    weigh: isNormed ? 'renormalise' : 'raw',
    scale: choices.hasScale ? numbers.factor('expert_weights_scale', 1) : 1,
  };
}

function gating(numbers: Hyperparameters, otherwise: RouterSpec['activate']): RouterSpec['activate'] {
  const value = numbers.integer('expert_gating_func', 0, 255, 0);
  if (value === 0) return otherwise;
  if (value === 1 || value === 2) return GATING[value];
  throw numbers.unsupported('expert_gating_func', `the gating function ${value}`);
}

/** The width of one expert. */
function expertSize(numbers: Hyperparameters, { expertSize: rule }: Architecture, topK: number): number {
  const own = 'expert_feed_forward_length';
  if (rule !== 'dense' && numbers.has(own)) return numbers.integer(own, 1, LIMITS.ffnSize);
  if (rule === undefined) return numbers.integer(own, 1, LIMITS.ffnSize);
  const denseSize = numbers.integer('feed_forward_length', 1, LIMITS.ffnSize);
  if (rule === 'dense') return denseSize;
  if (denseSize % topK !== 0) throw numbers.corrupt('feed_forward_length', `it is not a multiple of the ${topK} experts that a token uses`);
  return denseSize / topK;
}

function sharedSpec({ tensors, numbers, architecture, hiddenSize }: FfnContext, index: number, expertWidth: number): MoeSpec['shared'] {
  if (!architecture.sharedSize || !tensors.has(`blk.${index}.ffn_up_shexp.weight`)) return undefined;
  const ffn = dense(tensors, architecture, `blk.${index}.ffn_`, '_shexp', hiddenSize, sharedWidth(numbers, architecture.sharedSize, expertWidth));
  const shareName = `blk.${index}.ffn_gate_inp_shexp.weight`;
  return tensors.has(shareName) ? { ...ffn, share: tensors.vector(shareName, hiddenSize) } : ffn;
}

function sharedWidth(numbers: Hyperparameters, rule: NonNullable<Architecture['sharedSize']>, expertWidth: number): number {
  const own = 'expert_shared_feed_forward_length';
  const count = () => numbers.integer('expert_shared_count', 1, LIMITS.experts);
  switch (rule) {
    case 'own-key':
      return numbers.integer(own, 1, LIMITS.ffnSize);
    case 'own-key-or-dense':
      return numbers.has(own) ? numbers.integer(own, 1, LIMITS.ffnSize) : numbers.integer('feed_forward_length', 1, LIMITS.ffnSize);
    case 'count-of-experts':
      return count() * expertWidth;
    case 'own-key-or-expert-times-count':
      return count() * numbers.integer(own, 1, LIMITS.ffnSize, expertWidth);
  }
}
