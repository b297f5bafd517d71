// The model families that can be read, as data. A family is one entry: the choices that its tensors do not show. What they do show (biases, head norms, sinks,
// shared experts, latent attention, convolutions, fused matrices) is found by their names, which are the same in every GGUF. The names are those of llama.cpp,
// which writes them into `general.architecture` and the tensor list. No other file knows the name of a family.

import type { ActivationName } from '../core/activation';
import type { RopeSpec, RouterSpec } from './spec';

export interface Architecture {
  readonly rope: RopeSpec['pairing'];
  /** Tensor of the norm before the FFN. */
  readonly ffnNorm: 'ffn_norm' | 'post_attention_norm';
  readonly outputNorm: 'output_norm' | 'token_embd_norm';
  /** Undefined: the family has no experts. */
  readonly router?: {
    /** 'key': `expert_gating_func` says (1 softmax, 2 sigmoid); `otherwise` when it is absent. */
    readonly activate: RouterSpec['activate'] | { readonly otherwise: RouterSpec['activate'] };
    /** 'key': `expert_weights_norm` says. */
    readonly weigh: RouterSpec['weigh'] | 'key';
    readonly scoreInput?: RouterSpec['scoreInput'];
    /** Whether `expert_weights_scale` is read. */
    readonly hasScale?: boolean;
  };
  readonly activation: ActivationName;
  /** Models of the family without experts have no `expert_count`. */
  readonly mayBeDense?: boolean;
  /** Which layers see only a window of positions, and which have RoPE. */
  readonly window?: {
    /** Positions; undefined: `attention.sliding_window` says. A model without that key has no windows. */
    readonly size?: number;
    readonly isWindowed: (layer: number) => boolean;
    /** Layers that see everything have no RoPE. */
    readonly ropeOnlyInWindows?: boolean;
  };
  /** Whether the layers are MoE from `leading_dense_block_count` on, and which of those. Default: all. */
  readonly isMoeLayer?: (layer: number, metadata: (key: string, fallback: number) => number) => boolean;
  /** Keys of factors that scale residual additions, scores (in place of 1/sqrt(head size)) and logits (Granite). */
  readonly hasScales?: boolean;
  /** Width of the shared experts; undefined: the family has none. */
  readonly sharedSize?: 'own-key' | 'count-of-experts' | 'own-key-or-expert-times-count' | 'own-key-or-dense';
  /** Width of an expert when `expert_feed_forward_length` is absent; with 'dense' the key is not read. */
  readonly expertSize?: 'dense' | 'dense-shared-by-selected';
}

const softmaxRenormalised = { activate: 'softmax', weigh: 'renormalise' } as const;

export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  ['qwen3moe', family({ router: softmaxRenormalised, expertSize: 'dense-shared-by-selected' })],
  ['olmoe', family({ router: { activate: 'softmax', weigh: 'raw' }, expertSize: 'dense' })],
  ['qwen2moe', family({ router: { activate: 'softmax', weigh: 'raw' }, sharedSize: 'own-key-or-dense' })],
  ['llama', family({ rope: 'adjacent', router: softmaxRenormalised, expertSize: 'dense', mayBeDense: true })],
  ['granitemoe', family({ rope: 'adjacent', router: softmaxRenormalised, expertSize: 'dense', hasScales: true, sharedSize: 'own-key' })],
  [
    'gpt-oss',
    family({
      ffnNorm: 'post_attention_norm',
      router: softmaxRenormalised,
      activation: 'clamped-swiglu',
      window: { isWindowed: (layer) => layer % 2 === 0 },
    }),
  ],
  ['deepseek', family({ rope: 'adjacent', router: { activate: 'softmax', weigh: 'raw', hasScale: true }, sharedSize: 'count-of-experts' })],
  ['deepseek2', family({ rope: 'adjacent', router: { activate: { otherwise: 'softmax' }, weigh: 'key', hasScale: true }, sharedSize: 'count-of-experts' })],
  ['phimoe', family({ router: softmaxRenormalised, expertSize: 'dense' })],
  ['lfm2moe', family({ outputNorm: 'token_embd_norm', router: { activate: { otherwise: 'sigmoid' }, weigh: 'renormalise' } })],
  [
    'ernie4_5-moe',
    family({
      rope: 'adjacent',
      router: softmaxRenormalised,
      sharedSize: 'own-key',
      isMoeLayer: (layer, metadata) => (layer + 1) % Math.max(1, metadata('interleave_moe_layer_step', 1)) === 0,
    }),
  ],
  ['bailingmoe2', family({ router: { activate: { otherwise: 'sigmoid' }, weigh: 'key', hasScale: true }, sharedSize: 'own-key-or-expert-times-count' })],
  [
    'smallthinker',
    family({
      router: { activate: { otherwise: 'softmax' }, weigh: 'renormalise', scoreInput: 'layer' },
      activation: 'relu',
      window: { size: 4096, isWindowed: (layer) => layer % 4 !== 0, ropeOnlyInWindows: true },
    }),
  ],
  [
    'glm4moe',
    family({
      ffnNorm: 'post_attention_norm',
      router: { activate: { otherwise: 'sigmoid' }, weigh: 'key', hasScale: true },
      sharedSize: 'count-of-experts',
    }),
  ],
  ['qwen2', family({})],
  ['qwen3', family({})],
]);

/** What most families choose, and what this one does differently. */
function family(choices: Partial<Architecture>): Architecture {
  return { rope: 'half-split', ffnNorm: 'ffn_norm', outputNorm: 'output_norm', activation: 'silu', ...choices };
}
