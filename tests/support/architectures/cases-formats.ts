// Block formats: two architectures wide enough for blocks of 256 in every format, files that mix formats as quantisers do, and blocks of 32 on shapes that are
// no multiple of 256. What llama.cpp answers is recorded from the f32 expansion of the same blocks.

import { attention, denseFfn, ends, experts, latentAttention, layers } from './blocks';
import { DEEPSEEK2_V3_KEYS } from './cases-deepseek';
import { OTHER_CASES } from './cases-other';
import { architectureCase, int, real, type ArchitectureCase, type Keys } from './model';
import { MATRIX_FORMATS } from './random-blocks';

const WIDE_KEYS: Keys = {
  block_count: int(2),
  embedding_length: int(256),
  feed_forward_length: int(256),
  'attention.head_count': int(4),
  'attention.head_count_kv': int(4),
  expert_count: int(4),
  expert_used_count: int(2),
};
const WIDE = { hidden: 256, heads: 4, headSize: 64 };
const WIDE_EXPERTS = { hidden: 256, count: 4, ffn: 256 };

const QWEN3MOE = architectureCase(
  'qwen3moe',
  'qwen3moe',
  'Qwen3-30B-A3B',
  {
    ...WIDE_KEYS,
    'attention.head_count_kv': int(2),
    'attention.key_length': int(64),
    'attention.value_length': int(64),
    'attention.layer_norm_rms_epsilon': real(1e-6),
    'rope.freq_base': real(1e6),
    expert_feed_forward_length: int(256),
  },
  [ends(256), layers(2, (layer) => [...attention(layer, { ...WIDE, kvHeads: 2, queryKeyNorm: 'head' }), ...experts(layer, WIDE_EXPERTS)])],
);

const OLMOE = architectureCase(
  'olmoe',
  'olmoe',
  'OLMoE-1B-7B',
  { ...WIDE_KEYS, 'attention.layer_norm_rms_epsilon': real(1e-5), 'rope.freq_base': real(10_000) },
  [ends(256), layers(2, (layer) => [...attention(layer, { ...WIDE, kvHeads: 4, queryKeyNorm: 'all' }), ...experts(layer, WIDE_EXPERTS)])],
);

const LATENT = { hidden: 96, heads: 4, queryRank: 64, latent: 32, nope: 32, rotary: 16, valueSize: 32, joined: false };
const DEEPSEEK2 = architectureCase(
  'deepseek2-v3',
  'deepseek2',
  'DeepSeek-V3 with rows of 32, 64, 96 and 128',
  {
    ...DEEPSEEK2_V3_KEYS,
    'attention.q_lora_rank': int(64),
    'attention.key_length': int(48),
    'attention.value_length': int(32),
    'attention.key_length_mla': int(48),
    'attention.value_length_mla': int(32),
  },
  [
    ends(96),
    layers(3, (layer) => [
      ...latentAttention(layer, LATENT),
      ...(layer < 1 ? denseFfn(layer, 96, 192) : experts(layer, { hidden: 96, ffn: 32, count: 16, shared: 32, selectionBias: 0.3 })),
    ]),
  ],
);

/** What a Q4_K_M file has: better formats for values, the head, and the down matrices of some layers; and here gate, up and down of one expert all differ. */
const MIXED = [
  ['attn_output', 'q8_0'],
  ['output.weight', 'q6_k'],
  ['attn_v', 'q6_k'],
  ['blk.0.ffn_down_exps', 'q6_k'],
  ['blk.1.ffn_up_exps', 'q5_k'],
  ['blk.1.ffn_gate_exps', 'q3_k'],
  ['', 'q4_k'],
] as const;

/** What an MXFP4 file has: the experts in that format, the rest as it was. */
const EXPERTS_IN_MXFP4 = [['_exps', 'mxfp4']] as const;

export const FORMAT_CASES: readonly ArchitectureCase[] = [
  ...[QWEN3MOE, OLMOE].flatMap((base) => [
    ...MATRIX_FORMATS.filter((type) => type !== 'f32').map((type) => stored(base, type, [['', type]])),
    stored(base, 'mixed', MIXED),
  ]),
  ...['q8_0', 'q4_0', 'q5_1'].map((type) => stored(DEEPSEEK2, type, [['', type]])),
  ...OTHER_CASES.filter((one) => one.name === 'gpt-oss').map((base) => stored(base, 'mxfp4', EXPERTS_IN_MXFP4)),
];

function stored(base: ArchitectureCase, label: string, formats: NonNullable<ArchitectureCase['formats']>): ArchitectureCase {
  return { ...base, name: `${base.name}-${label.replace('_', '-')}`, formats };
}
