// Llama and what was made from it: plain RoPE on neighbouring channels (NORM) in llama, granitemoe and ernie4_5-moe, long-context factors in phimoe.

import { attention, bias, denseFfn, ends, experts, layers, vector } from './blocks';
import { architectureCase, int, real, string, type ArchitectureCase, type Keys } from './model';

const LLAMA = { hidden: 96, heads: 4, kvHeads: 2, headSize: 24 };
const LLAMA_KEYS: Keys = {
  block_count: int(3),
  embedding_length: int(96),
  feed_forward_length: int(160),
  'attention.head_count': int(4),
  'attention.head_count_kv': int(2),
  'attention.layer_norm_rms_epsilon': real(1e-5),
  'rope.dimension_count': int(24),
  'rope.freq_base': real(10_000),
};

const GRANITE = { hidden: 64, heads: 4, kvHeads: 2, headSize: 16 };
const GRANITE_KEYS: Keys = {
  block_count: int(3),
  embedding_length: int(64),
  feed_forward_length: int(32),
  'attention.head_count': int(4),
  'attention.head_count_kv': int(2),
  'attention.layer_norm_rms_epsilon': real(1e-6),
  'attention.scale': real(1 / 16),
  'rope.dimension_count': int(16),
  'rope.freq_base': real(10_000),
  embedding_scale: real(12),
  residual_scale: real(0.22),
  logit_scale: real(6),
  expert_count: int(8),
  expert_used_count: int(4),
};

const PHIMOE_KEYS: Keys = {
  block_count: int(2),
  embedding_length: int(64),
  feed_forward_length: int(96),
  'attention.head_count': int(4),
  'attention.head_count_kv': int(1),
  'attention.layer_norm_rms_epsilon': real(1e-5),
  'attention.sliding_window': int(131_072),
  'rope.dimension_count': int(16),
  'rope.freq_base': real(10_000),
  'rope.scaling.attn_factor': real(1.190238),
  expert_count: int(8),
  expert_used_count: int(2),
};
const PHIMOE_TENSORS = [
  ends(64, { bias: true }),
  vector('rope_factors_long.weight', 8, 1, 30),
  vector('rope_factors_short.weight', 8, 1, 3),
  layers(2, (layer) => [
    ...attention(layer, { hidden: 64, heads: 4, kvHeads: 1, headSize: 16, bias: true, outputBias: true, normBias: true }),
    ...experts(layer, { hidden: 64, count: 8, ffn: 96, normBias: true }),
  ]),
];

const ERNIE_KEYS: Keys = {
  block_count: int(3),
  embedding_length: int(96),
  feed_forward_length: int(256),
  'attention.head_count': int(4),
  'attention.head_count_kv': int(1),
  'attention.layer_norm_rms_epsilon': real(1e-5),
  'rope.freq_base': real(500_000),
  expert_count: int(8),
  expert_used_count: int(3),
  expert_feed_forward_length: int(48),
  interleave_moe_layer_step: int(1),
  leading_dense_block_count: int(1),
};
const ERNIE = { hidden: 96, heads: 4, kvHeads: 1, headSize: 24 };

export const LLAMA_CASES: readonly ArchitectureCase[] = [
  architectureCase(
    'llama-3',
    'llama',
    'Llama-3.2-1B: dense, head tied to the embedding, frequencies divided by rope_freqs.weight',
    { ...LLAMA_KEYS, 'rope.freq_base': real(500_000) },
    [ends(96, { tied: true }), vector('rope_freqs.weight', 12, 1, 32), layers(3, (layer) => [...attention(layer, LLAMA), ...denseFfn(layer, 96, 160)])],
  ),

  architectureCase(
    'llama-linear',
    'llama',
    'Llama-2 with linear position scaling (LongChat, CodeLlama instruct descendants)',
    { ...LLAMA_KEYS, 'rope.scaling.type': string('linear'), 'rope.scaling.factor': real(4) },
    [ends(96), layers(3, (layer) => [...attention(layer, LLAMA), ...denseFfn(layer, 96, 160)])],
  ),

  architectureCase(
    'llama-yarn',
    'llama',
    'Yarn-Llama-2-7b-64k: YaRN on neighbouring channels',
    { ...LLAMA_KEYS, 'rope.scaling.type': string('yarn'), 'rope.scaling.factor': real(16), 'rope.scaling.original_context_length': int(4096) },
    [ends(96), layers(3, (layer) => [...attention(layer, LLAMA), ...denseFfn(layer, 96, 160)])],
  ),

  architectureCase('llama-biased', 'llama', 'Granite-3B-code: llama with biases of attention and ffn, head tied', LLAMA_KEYS, [
    ends(96, { tied: true }),
    layers(3, (layer) => [
      ...attention(layer, { ...LLAMA, bias: true, outputBias: true }),
      ...denseFfn(layer, 96, 160),
      bias(`blk.${layer}.ffn_gate.bias`, 160),
      bias(`blk.${layer}.ffn_up.bias`, 160),
      bias(`blk.${layer}.ffn_down.bias`, 96),
    ]),
  ]),

  architectureCase(
    'mixtral',
    'llama',
    'Mixtral-8x7B: llama with expert_count, top 2 of 8, weights normed; width of an expert in feed_forward_length',
    { ...LLAMA_KEYS, 'rope.freq_base': real(1e6), expert_count: int(8), expert_used_count: int(2) },
    [ends(96), layers(3, (layer) => [...attention(layer, LLAMA), ...experts(layer, { hidden: 96, count: 8, ffn: 160 })])],
  ),

  architectureCase(
    'mixtral-scaled',
    'llama',
    'a merge of Llama 3 models as experts: rope_freqs.weight, the old key rope.scale_linear, an attention.scale that is not read, biases of q, k, v',
    {
      ...LLAMA_KEYS,
      'rope.freq_base': real(500_000),
      'rope.scale_linear': real(2),
      'attention.scale': real(0.15),
      expert_count: int(4),
      expert_used_count: int(2),
    },
    [
      ends(96),
      vector('rope_freqs.weight', 12, 1, 8),
      layers(3, (layer) => [...attention(layer, { ...LLAMA, bias: true }), ...experts(layer, { hidden: 96, count: 4, ffn: 160 })]),
    ],
  ),

  architectureCase(
    'granitemoe',
    'granitemoe',
    'granite-3.0-1b-a400m: scales of embedding, residual, attention and logits. Unlike it, a head of its own: a tied one says nothing at this size',
    GRANITE_KEYS,
    [
      ends(64, { headGain: 15, embeddingSize: 0.15 }),
      layers(3, (layer) => [...attention(layer, { ...GRANITE, outputGain: 4 }), ...experts(layer, { hidden: 64, count: 8, ffn: 32, outputGain: 3 })]),
    ],
  ),

  architectureCase(
    'granitemoe-shared',
    'granitemoe',
    'GraniteMoeShared (granite-4.0 previews): the same with expert_shared_feed_forward_length and an unweighted shared expert',
    { ...GRANITE_KEYS, expert_shared_feed_forward_length: int(48) },
    [
      ends(64, { headGain: 15, embeddingSize: 0.15 }),
      layers(3, (layer) => [
        ...attention(layer, { ...GRANITE, outputGain: 4 }),
        ...experts(layer, { hidden: 64, count: 8, ffn: 32, shared: 48, outputGain: 3 }),
      ]),
    ],
  ),

  architectureCase(
    'phimoe',
    'phimoe',
    'Phi-3.5-MoE: biases of norms, attention and head; short RoPE factors, since the context is within the original one',
    { ...PHIMOE_KEYS, 'rope.scaling.original_context_length': int(4096) },
    PHIMOE_TENSORS,
  ),

  architectureCase(
    'phimoe-long',
    'phimoe',
    'Phi-3.5-MoE run with a context longer than the original one: long RoPE factors',
    { ...PHIMOE_KEYS, 'rope.scaling.original_context_length': int(64) },
    PHIMOE_TENSORS,
  ),

  architectureCase(
    'ernie-4-5-moe',
    'ernie4_5-moe',
    'ERNIE-4.5-21B-A3B: a leading dense layer, softmax with selection bias, shared experts, one kv head, head tied',
    { ...ERNIE_KEYS, expert_shared_count: int(2), expert_shared_feed_forward_length: int(96) },
    [
      ends(96, { tied: true }),
      layers(3, (layer) => [
        ...attention(layer, ERNIE),
        ...(layer < 1 ? denseFfn(layer, 96, 256) : experts(layer, { hidden: 96, count: 8, ffn: 48, shared: 96, selectionBias: 0.08 })),
      ]),
    ],
  ),

  architectureCase('ernie-4-5-moe-unshared', 'ernie4_5-moe', 'ERNIE-4.5-300B-A47B: no shared expert; here without selection bias', ERNIE_KEYS, [
    ends(96),
    layers(3, (layer) => [...attention(layer, ERNIE), ...(layer < 1 ? denseFfn(layer, 96, 256) : experts(layer, { hidden: 96, count: 8, ffn: 48 }))]),
  ]),
];
