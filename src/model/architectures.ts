// The model families that can be read, as data. A family is one entry: what its tensors are called, and which of the spec's choices it makes. The names are
// those of llama.cpp (llama-arch.cpp), which writes them into `general.architecture` and the tensor list. No other file knows the name of a family.

import type { LayerSpec, RouterSpec } from './spec';

/** Tensors of one layer; `{}` in a name stands for the layer's index. An absent name means that the family has no such tensor. */
export interface LayerTensorNames {
  readonly attentionNorm: string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly queryNorm?: string;
  readonly keyNorm?: string;
  readonly attentionOutput: string;
  readonly ffnNorm: string;
  readonly routerWeight: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

export interface Architecture {
  readonly embedding: string;
  readonly outputNorm: string;
  /** When the file lacks it, the embedding is the output head. */
  readonly outputHead: string;
  readonly layer: LayerTensorNames;
  readonly rope: 'neox';
  /** Everything of the router but the number of experts to select, which is in the metadata. */
  readonly router: Omit<RouterSpec, 'select'>;
  readonly activation: LayerSpec['moe']['activation'];
}

export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  [
    'qwen3moe',
    {
      embedding: 'token_embd.weight',
      outputNorm: 'output_norm.weight',
      outputHead: 'output.weight',
      layer: {
        attentionNorm: 'blk.{}.attn_norm.weight',
        query: 'blk.{}.attn_q.weight',
        key: 'blk.{}.attn_k.weight',
        value: 'blk.{}.attn_v.weight',
        queryNorm: 'blk.{}.attn_q_norm.weight',
        keyNorm: 'blk.{}.attn_k_norm.weight',
        attentionOutput: 'blk.{}.attn_output.weight',
        ffnNorm: 'blk.{}.ffn_norm.weight',
        routerWeight: 'blk.{}.ffn_gate_inp.weight',
        gate: 'blk.{}.ffn_gate_exps.weight',
        up: 'blk.{}.ffn_up_exps.weight',
        down: 'blk.{}.ffn_down_exps.weight',
      },
      rope: 'neox',
      router: { scope: 'token', score: 'linear', activate: 'softmax', weigh: 'renormalise', scale: 1 },
      activation: 'silu',
    },
  ],
]);
