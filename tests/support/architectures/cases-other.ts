// Families with parts of their own: attention sinks and windows, short convolutions, a router before attention.

import { attention, denseFfn, ends, experts, layers, shortConvolution } from './blocks';
import { architectureCase, int, real, string, type ArchitectureCase, type Keys } from './model';
import { i32s } from '../gguf-writer';

const SMALLTHINKER_KEYS: Keys = {
  block_count: int(5),
  embedding_length: int(64),
  feed_forward_length: int(32),
  'attention.head_count': int(4),
  'attention.head_count_kv': int(2),
  'attention.key_length': int(16),
  'attention.value_length': int(16),
  'attention.layer_norm_rms_epsilon': real(1e-6),
  expert_count: int(8),
  expert_used_count: int(4),
  expert_feed_forward_length: int(32),
};
const SMALLTHINKER_TENSORS = [
  ends(64, { embeddingSize: 1.7 }),
  layers(5, (layer) => [...attention(layer, { hidden: 64, heads: 4, kvHeads: 2, headSize: 16 }), ...experts(layer, { hidden: 64, count: 8, ffn: 32 })]),
];

const CONVOLUTION_OR_KV_HEADS = [0, 0, 2, 0, 2];

export const OTHER_CASES: readonly ArchitectureCase[] = [
  architectureCase(
    'gpt-oss',
    'gpt-oss',
    'gpt-oss-20b: sinks, windows in even layers, YaRN, biases everywhere, softmax over the selected, clamped SwiGLU; here with a window of 8',
    {
      block_count: int(4),
      embedding_length: int(96),
      feed_forward_length: int(96),
      'attention.head_count': int(8),
      'attention.head_count_kv': int(2),
      'attention.key_length': int(16),
      'attention.value_length': int(16),
      'attention.layer_norm_rms_epsilon': real(1e-5),
      'attention.sliding_window': int(8),
      'rope.freq_base': real(150_000),
      'rope.scaling.type': string('yarn'),
      'rope.scaling.factor': real(32),
      'rope.scaling.original_context_length': int(4096),
      'rope.scaling.yarn_beta_fast': real(32),
      'rope.scaling.yarn_beta_slow': real(1),
      expert_count: int(8),
      expert_used_count: int(4),
      expert_feed_forward_length: int(96),
    },
    [
      ends(96),
      layers(4, (layer) => [
        ...attention(layer, { hidden: 96, heads: 8, kvHeads: 2, headSize: 16, bias: true, outputBias: true, sinks: true }),
        // Wide enough that some gates and ups pass the clamp at 7.
        ...experts(layer, { hidden: 96, count: 8, ffn: 96, bias: true, normName: 'post_attention_norm', gateGain: 4, outputGain: 0.4 }),
      ]),
    ],
  ),

  architectureCase(
    'lfm2moe',
    'lfm2moe',
    'LFM2-8B-A1B: gated short convolutions between attention layers, two dense layers, sigmoid with selection bias, head tied',
    {
      block_count: int(5),
      embedding_length: int(64),
      feed_forward_length: int(224),
      'attention.head_count': int(4),
      'attention.head_count_kv': i32s(CONVOLUTION_OR_KV_HEADS),
      'attention.layer_norm_rms_epsilon': real(1e-5),
      'rope.freq_base': real(1e6),
      'shortconv.l_cache': int(3),
      leading_dense_block_count: int(2),
      expert_count: int(8),
      expert_used_count: int(4),
      expert_gating_func: int(2),
      expert_feed_forward_length: int(56),
    },
    [
      ends(64, { tied: true, outputNorm: 'token_embd_norm.weight' }),
      layers(5, (layer) => [
        ...(CONVOLUTION_OR_KV_HEADS[layer] === 0
          ? shortConvolution(layer, 64, 3)
          : attention(layer, { hidden: 64, heads: 4, kvHeads: 2, headSize: 16, queryKeyNorm: 'head' })),
        ...(layer < 2 ? denseFfn(layer, 64, 224) : experts(layer, { hidden: 64, count: 8, ffn: 56, selectionBias: 0.3 })),
      ]),
    ],
  ),

  architectureCase(
    'smallthinker',
    'smallthinker',
    'SmallThinker-4BA0.6B: router before attention, ReLU experts, sigmoid normed, RoPE in every layer',
    { ...SMALLTHINKER_KEYS, 'rope.freq_base': real(1e6), expert_gating_func: int(2) },
    SMALLTHINKER_TENSORS,
  ),

  architectureCase(
    'smallthinker-window',
    'smallthinker',
    'SmallThinker-21BA3B: windows of 4096 with RoPE, and every fourth layer (from the first) without either; here with softmax',
    { ...SMALLTHINKER_KEYS, 'rope.freq_base': real(1.5e6), 'attention.sliding_window': int(4096), expert_gating_func: int(1) },
    SMALLTHINKER_TENSORS,
  ),
];
