// Qwen and OLMoE families: softmax routers, NeoX RoPE.

import { attention, denseFfn, ends, experts, layers } from './blocks';
import { architectureCase, int, real, string, type ArchitectureCase, type Keys } from './model';

const QWEN3MOE = { hidden: 96, heads: 4, kvHeads: 2, headSize: 32, queryKeyNorm: 'head' } as const;
const QWEN3MOE_EXPERTS = { hidden: 96, count: 8, ffn: 48 };
const QWEN3MOE_KEYS: Keys = {
  block_count: int(3),
  embedding_length: int(96),
  feed_forward_length: int(288),
  'attention.head_count': int(4),
  'attention.head_count_kv': int(2),
  'attention.key_length': int(32),
  'attention.value_length': int(32),
  'attention.layer_norm_rms_epsilon': real(1e-6),
  'rope.freq_base': real(1e6),
  expert_count: int(8),
  expert_used_count: int(4),
  expert_feed_forward_length: int(48),
};

export const QWEN_CASES: readonly ArchitectureCase[] = [
  architectureCase('qwen3moe', 'qwen3moe', 'Qwen3-30B-A3B: heads wider than the hidden size, norms per head, weights normed', QWEN3MOE_KEYS, [
    ends(96),
    layers(3, (layer) => [...attention(layer, QWEN3MOE), ...experts(layer, QWEN3MOE_EXPERTS)]),
  ]),

  architectureCase(
    'qwen3moe-yarn',
    'qwen3moe',
    'Qwen3-30B-A3B with the YaRN settings of its model card (rope.scaling.*): NeoX YaRN with its length factor',
    {
      ...QWEN3MOE_KEYS,
      'rope.scaling.type': string('yarn'),
      'rope.scaling.factor': real(4),
      'rope.scaling.original_context_length': int(32_768),
    },
    [ends(96), layers(3, (layer) => [...attention(layer, QWEN3MOE), ...experts(layer, QWEN3MOE_EXPERTS)])],
  ),

  architectureCase('qwen3moe-fused-qkv', 'qwen3moe', 'Qwen3-30B-A3B converted with fused queries, keys and values (attn_qkv)', QWEN3MOE_KEYS, [
    ends(96),
    layers(3, (layer) => [...attention(layer, { ...QWEN3MOE, fused: true }), ...experts(layer, QWEN3MOE_EXPERTS)]),
  ]),

  architectureCase(
    'olmoe',
    'olmoe',
    'OLMoE-1B-7B: 64 experts, top 8 not normed; one norm over all heads of q and of k',
    {
      block_count: int(2),
      embedding_length: int(64),
      feed_forward_length: int(32),
      'attention.head_count': int(4),
      'attention.head_count_kv': int(4),
      'attention.layer_norm_rms_epsilon': real(1e-5),
      'rope.freq_base': real(10_000),
      expert_count: int(64),
      expert_used_count: int(8),
    },
    [
      ends(64),
      layers(2, (layer) => [
        ...attention(layer, { hidden: 64, heads: 4, kvHeads: 4, headSize: 16, queryKeyNorm: 'all' }),
        ...experts(layer, { hidden: 64, count: 64, ffn: 32 }),
      ]),
    ],
  ),

  architectureCase(
    'qwen2moe',
    'qwen2moe',
    'Qwen1.5-MoE-A2.7B: biases of q, k, v; weights not normed; a shared expert behind a sigmoid gate (ffn_gate_inp_shexp)',
    {
      block_count: int(3),
      embedding_length: int(96),
      feed_forward_length: int(256),
      'attention.head_count': int(4),
      'attention.head_count_kv': int(4),
      'attention.layer_norm_rms_epsilon': real(1e-6),
      'rope.freq_base': real(1e6),
      expert_count: int(6),
      expert_used_count: int(2),
      expert_feed_forward_length: int(40),
      expert_shared_feed_forward_length: int(160),
    },
    [
      ends(96),
      layers(3, (layer) => [
        ...attention(layer, { hidden: 96, heads: 4, kvHeads: 4, headSize: 24, bias: true }),
        ...experts(layer, { hidden: 96, count: 6, ffn: 40, shared: 160, sharedGate: true }),
      ]),
    ],
  ),

  architectureCase(
    'qwen2',
    'qwen2',
    'Qwen2.5-0.5B: dense, biases of q, k, v, head tied to the embedding',
    {
      block_count: int(3),
      embedding_length: int(96),
      feed_forward_length: int(128),
      'attention.head_count': int(4),
      'attention.head_count_kv': int(2),
      'attention.layer_norm_rms_epsilon': real(1e-6),
      'rope.freq_base': real(1e6),
    },
    [
      ends(96, { tied: true }),
      layers(3, (layer) => [...attention(layer, { hidden: 96, heads: 4, kvHeads: 2, headSize: 24, bias: true }), ...denseFfn(layer, 96, 128)]),
    ],
  ),

  architectureCase(
    'qwen3',
    'qwen3',
    'Qwen3-0.6B: dense, heads wider than the hidden size, norms per head, head tied to the embedding',
    {
      block_count: int(3),
      embedding_length: int(64),
      feed_forward_length: int(160),
      'attention.head_count': int(4),
      'attention.head_count_kv': int(2),
      'attention.key_length': int(32),
      'attention.value_length': int(32),
      'attention.layer_norm_rms_epsilon': real(1e-6),
      'rope.freq_base': real(1e6),
    },
    [
      ends(64, { tied: true }),
      layers(3, (layer) => [...attention(layer, { hidden: 64, heads: 4, kvHeads: 2, headSize: 32, queryKeyNorm: 'head' }), ...denseFfn(layer, 64, 160)]),
    ],
  ),
];
