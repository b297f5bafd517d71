// DeepSeek and those that took its router: leading dense layers, shared experts, sigmoid scores, selection bias, groups.

import { attention, denseFfn, ends, experts, latentAttention, layers, type ExpertsOptions, type LatentAttentionOptions } from './blocks';
import { architectureCase, bool, int, real, string, type ArchitectureCase, type Keys, type TensorPlan } from './model';

const LATENT = { hidden: 96, heads: 4, latent: 32, nope: 24, rotary: 16, valueSize: 20 };
const QUERY_RANK = 40;

const DEEPSEEK2_KEYS: Keys = {
  block_count: int(3),
  embedding_length: int(96),
  feed_forward_length: int(192),
  'attention.head_count': int(4),
  'attention.layer_norm_rms_epsilon': real(1e-6),
  'attention.kv_lora_rank': int(LATENT.latent),
  'rope.dimension_count': int(LATENT.rotary),
  'rope.freq_base': real(10_000),
  leading_dense_block_count: int(1),
  expert_feed_forward_length: int(32),
};
/** Files made since keys and values are split: attention as one kv head of the latent's width. */
const SPLIT_KEYS: Keys = {
  'attention.head_count_kv': int(1),
  'attention.key_length': int(LATENT.latent + LATENT.rotary),
  'attention.value_length': int(LATENT.latent),
  'attention.key_length_mla': int(LATENT.nope + LATENT.rotary),
  'attention.value_length_mla': int(LATENT.valueSize),
};
/** Older files, attention as many heads. */
const JOINED_KEYS: Keys = {
  'attention.head_count_kv': int(4),
  'attention.key_length': int(LATENT.nope + LATENT.rotary),
  'attention.value_length': int(LATENT.valueSize),
};
const YARN_KEYS: Keys = {
  'rope.scaling.type': string('yarn'),
  'rope.scaling.factor': real(40),
  'rope.scaling.original_context_length': int(4096),
  'rope.scaling.yarn_log_multiplier': real(0.0707),
};
const RANK_KEYS: Keys = { 'attention.q_lora_rank': int(QUERY_RANK) };
const NO_RANK_FOR_LLAMA_CPP: Keys = { 'attention.q_lora_rank': int(0) };
const LITE_KEYS: Keys = { expert_count: int(8), expert_used_count: int(3), expert_shared_count: int(2), expert_weights_scale: real(1) };
const V2_KEYS: Keys = { expert_count: int(16), expert_used_count: int(4), expert_shared_count: int(2), expert_weights_scale: real(16) };
const V3_EXPERT_KEYS: Keys = {
  ...YARN_KEYS,
  'rope.scaling.yarn_log_multiplier': real(0.1),
  expert_count: int(16),
  expert_used_count: int(4),
  expert_shared_count: int(1),
  expert_weights_scale: real(2.5),
  expert_weights_norm: bool(true),
  expert_gating_func: int(2),
  expert_group_count: int(4),
  expert_group_used_count: int(2),
};

export const DEEPSEEK2_V3_KEYS: Keys = { ...DEEPSEEK2_KEYS, ...RANK_KEYS, ...SPLIT_KEYS, ...V3_EXPERT_KEYS };

function deepseek2(latent: Partial<LatentAttentionOptions> & { readonly joined: boolean }, moe: Omit<ExpertsOptions, 'hidden' | 'ffn'>): TensorPlan[] {
  return [
    ...ends(96),
    ...layers(3, (layer) => [
      ...latentAttention(layer, { ...LATENT, ...latent }),
      ...(layer < 1 ? denseFfn(layer, 96, 192) : experts(layer, { hidden: 96, ffn: 32, ...moe })),
    ]),
  ];
}

const GLM_KEYS: Keys = {
  embedding_length: int(96),
  feed_forward_length: int(192),
  'attention.head_count': int(8),
  'attention.head_count_kv': int(2),
  'attention.key_length': int(16),
  'attention.value_length': int(16),
  'attention.layer_norm_rms_epsilon': real(1e-5),
  'rope.dimension_count': int(8),
  'rope.freq_base': real(1e6),
  leading_dense_block_count: int(1),
  expert_count: int(8),
  expert_used_count: int(4),
  expert_group_count: int(1),
  expert_group_used_count: int(1),
  expert_feed_forward_length: int(40),
  expert_shared_count: int(1),
  expert_gating_func: int(2),
  expert_weights_norm: bool(true),
};
const GLM = { hidden: 96, heads: 8, kvHeads: 2, headSize: 16, bias: true };
const GLM_EXPERTS = { hidden: 96, count: 8, ffn: 40, shared: 40, selectionBias: 0.3, normName: 'post_attention_norm' };

export const DEEPSEEK_CASES: readonly ArchitectureCase[] = [
  architectureCase(
    'deepseek',
    'deepseek',
    'deepseek-moe-16b: plain attention, one dense layer, weights not normed, two shared experts',
    {
      block_count: int(3),
      embedding_length: int(64),
      feed_forward_length: int(176),
      'attention.head_count': int(4),
      'attention.head_count_kv': int(4),
      'attention.layer_norm_rms_epsilon': real(1e-6),
      'rope.dimension_count': int(16),
      'rope.freq_base': real(10_000),
      'rope.scaling.type': string('none'),
      leading_dense_block_count: int(1),
      expert_count: int(8),
      expert_used_count: int(3),
      expert_feed_forward_length: int(24),
      expert_shared_count: int(2),
      expert_weights_scale: real(1),
    },
    [
      ends(64),
      layers(3, (layer) => [
        ...attention(layer, { hidden: 64, heads: 4, kvHeads: 4, headSize: 16 }),
        ...(layer < 1 ? denseFfn(layer, 64, 176) : experts(layer, { hidden: 64, count: 8, ffn: 24, shared: 48 })),
      ]),
    ],
  ),

  architectureCase(
    'deepseek2-lite-joined',
    'deepseek2',
    'DeepSeek-V2-Lite as published until 2025: attn_kv_b in one, plain query, softmax, no gating key, YaRN with yarn_log_multiplier 0.0707',
    { ...DEEPSEEK2_KEYS, ...JOINED_KEYS, ...YARN_KEYS, ...LITE_KEYS },
    deepseek2({ joined: true }, { count: 8, shared: 64 }),
    NO_RANK_FOR_LLAMA_CPP,
  ),

  architectureCase(
    'deepseek2-lite',
    'deepseek2',
    'DeepSeek-V2-Lite as converted now: attn_k_b (transposed) and attn_v_b, one group',
    {
      ...DEEPSEEK2_KEYS,
      ...SPLIT_KEYS,
      ...YARN_KEYS,
      ...LITE_KEYS,
      expert_gating_func: int(1),
      expert_group_count: int(1),
      expert_group_used_count: int(1),
    },
    deepseek2({ joined: false }, { count: 8, shared: 64 }),
    NO_RANK_FOR_LLAMA_CPP,
  ),

  architectureCase(
    'deepseek2-v2-joined',
    'deepseek2',
    'DeepSeek-V2 as published until 2025: low-rank query, weights × 16, not normed, no groups in the file',
    { ...DEEPSEEK2_KEYS, ...JOINED_KEYS, ...RANK_KEYS, ...YARN_KEYS, ...V2_KEYS },
    deepseek2({ joined: true, queryRank: QUERY_RANK }, { count: 16, shared: 64, outputGain: 0.3 }),
  ),

  architectureCase(
    'deepseek2-v2',
    'deepseek2',
    'DeepSeek-V2 as converted now: softmax with groups, two of four kept',
    {
      ...DEEPSEEK2_KEYS,
      ...SPLIT_KEYS,
      ...RANK_KEYS,
      ...YARN_KEYS,
      ...V2_KEYS,
      expert_gating_func: int(1),
      expert_group_count: int(4),
      expert_group_used_count: int(2),
    },
    deepseek2({ joined: false, queryRank: QUERY_RANK }, { count: 16, shared: 64, outputGain: 0.3 }),
  ),

  architectureCase(
    'deepseek2-moonlight',
    'deepseek2',
    'Moonlight-16B-A3B: plain query, sigmoid with selection bias, normed, × 2.446, no YaRN',
    {
      ...DEEPSEEK2_KEYS,
      ...SPLIT_KEYS,
      'rope.freq_base': real(50_000),
      expert_count: int(8),
      expert_used_count: int(3),
      expert_shared_count: int(2),
      expert_weights_scale: real(2.446),
      expert_weights_norm: bool(true),
      expert_gating_func: int(2),
      expert_group_count: int(1),
      expert_group_used_count: int(1),
    },
    deepseek2({ joined: false }, { count: 8, shared: 64, selectionBias: 0.3 }),
    NO_RANK_FOR_LLAMA_CPP,
  ),

  architectureCase(
    'deepseek2-v3',
    'deepseek2',
    'DeepSeek-V3, R1, Kimi-K2: low-rank query, sigmoid, selection bias, groups, normed, × 2.5, YaRN with yarn_log_multiplier 0.1',
    DEEPSEEK2_V3_KEYS,
    deepseek2({ joined: false, queryRank: QUERY_RANK }, { count: 16, shared: 32, selectionBias: 0.3 }),
  ),

  architectureCase(
    'deepseek2-v3-joined',
    'deepseek2',
    'DeepSeek-V3 and R1 as published until spring 2025: attn_kv_b in one, with everything else of V3',
    { ...DEEPSEEK2_KEYS, ...V3_EXPERT_KEYS, ...RANK_KEYS, ...JOINED_KEYS },
    deepseek2({ joined: true, queryRank: QUERY_RANK }, { count: 16, shared: 32, selectionBias: 0.3 }),
  ),

  architectureCase(
    'deepseek2-moonlight-joined',
    'deepseek2',
    'Moonlight-16B-A3B as first published: attn_kv_b in one, no selection bias, weights not normed',
    {
      ...DEEPSEEK2_KEYS,
      ...JOINED_KEYS,
      'rope.freq_base': real(50_000),
      expert_count: int(8),
      expert_used_count: int(3),
      expert_shared_count: int(2),
      expert_weights_scale: real(2.446),
      expert_gating_func: int(2),
    },
    deepseek2({ joined: true }, { count: 8, shared: 64 }),
    NO_RANK_FOR_LLAMA_CPP,
  ),

  architectureCase(
    'deepseek2-softmax-normed',
    'deepseek2',
    'a DeepSeek-V2 whose weights are normed, with selection bias on softmax, and YaRN without yarn_log_multiplier (the earliest files)',
    {
      ...DEEPSEEK2_KEYS,
      ...JOINED_KEYS,
      ...RANK_KEYS,
      'rope.scaling.type': string('yarn'),
      'rope.scaling.factor': real(40),
      'rope.scaling.original_context_length': int(4096),
      ...V2_KEYS,
      expert_weights_scale: real(1.5),
      expert_weights_norm: bool(true),
    },
    deepseek2({ joined: true, queryRank: QUERY_RANK }, { count: 16, shared: 64, selectionBias: 0.1 }),
  ),

  architectureCase(
    'deepseek2-v3-fused-experts',
    'deepseek2',
    'DeepSeek-V3 converted with fused gate and up (ffn_gate_up_exps)',
    DEEPSEEK2_V3_KEYS,
    deepseek2({ joined: false, queryRank: QUERY_RANK }, { count: 16, shared: 32, selectionBias: 0.3, fused: true }),
  ),

  architectureCase(
    'bailingmoe2',
    'bailingmoe2',
    'Ling-mini-2.0: attn_qkv, norms per head, RoPE on half a head, sigmoid with selection bias and groups',
    {
      block_count: int(3),
      embedding_length: int(64),
      feed_forward_length: int(160),
      'attention.head_count': int(4),
      'attention.head_count_kv': int(1),
      'attention.key_length': int(16),
      'attention.value_length': int(16),
      'attention.layer_norm_rms_epsilon': real(1e-6),
      'rope.dimension_count': int(8),
      'rope.freq_base': real(600_000),
      leading_dense_block_count: int(1),
      expert_count: int(16),
      expert_used_count: int(4),
      expert_group_count: int(4),
      expert_group_used_count: int(2),
      expert_gating_func: int(2),
      expert_feed_forward_length: int(16),
      expert_shared_feed_forward_length: int(16),
      expert_shared_count: int(1),
      expert_weights_scale: real(2.5),
      expert_weights_norm: bool(true),
      nextn_predict_layers: int(0),
    },
    [
      ends(64),
      layers(3, (layer) => [
        ...attention(layer, { hidden: 64, heads: 4, kvHeads: 1, headSize: 16, fused: true, queryKeyNorm: 'head' }),
        ...(layer < 1 ? denseFfn(layer, 64, 160) : experts(layer, { hidden: 64, count: 16, ffn: 16, shared: 16, selectionBias: 0.3 })),
      ]),
    ],
  ),

  architectureCase(
    'glm4moe',
    'glm4moe',
    'GLM-4.5-Air: RoPE on half a head, biases of q, k, v, post_attention_norm before the ffn; the file has a next-token layer that is not run',
    { ...GLM_KEYS, block_count: int(4), nextn_predict_layers: int(1), expert_weights_scale: real(1) },
    [
      ends(96),
      layers(4, (layer) => [...attention(layer, GLM), ...(layer < 1 ? denseFfn(layer, 96, 192, 'post_attention_norm') : experts(layer, GLM_EXPERTS))]),
      nextTokenLayer(3, 96),
    ],
  ),

  architectureCase(
    'glm4moe-head-norm',
    'glm4moe',
    'GLM-4.5 (355B): norms per head as well, weights × 2.5',
    { ...GLM_KEYS, block_count: int(3), expert_weights_scale: real(2.5) },
    [
      ends(96),
      layers(3, (layer) => [
        ...attention(layer, { ...GLM, queryKeyNorm: 'head' }),
        ...(layer < 1 ? denseFfn(layer, 96, 192, 'post_attention_norm') : experts(layer, GLM_EXPERTS)),
      ]),
    ],
  ),
];

/** What a multi-token prediction layer has beside the tensors of a layer. */
function nextTokenLayer(layer: number, hidden: number): TensorPlan[] {
  const name = (part: string): string => `blk.${layer}.nextn.${part}.weight`;
  return [
    { name: name('eh_proj'), dimensions: [2 * hidden, hidden], low: -0.1, high: 0.1 },
    ...['enorm', 'hnorm', 'shared_head_norm'].map((part) => ({ name: name(part), dimensions: [hidden], low: 0.5, high: 1.5 })),
  ];
}
