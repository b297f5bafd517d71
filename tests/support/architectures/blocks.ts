// The parts that the architectures share, as lists of tensors. Names are those that llama.cpp reads; all dimensions are in its order, columns first.

import { VOCABULARY_SIZE, type TensorPlan } from './model';

/** Uniform with variance gain²/columns: products keep about the size of their input times the gain. */
export function matrix(name: string, columns: number, rows: number, options: { readonly stack?: number; readonly gain?: number } = {}): TensorPlan {
  const spread = Math.sqrt(3 / columns) * (options.gain ?? 1);
  return { name, dimensions: options.stack === undefined ? [columns, rows] : [columns, rows, options.stack], low: -spread, high: spread };
}

export function vector(name: string, length: number, low: number, high: number): TensorPlan {
  return { name, dimensions: [length], low, high };
}

export const norm = (name: string, length: number): TensorPlan => vector(name, length, 0.5, 1.5);
export const bias = (name: string, length: number, size = 0.3): TensorPlan => vector(name, length, -size, size);

export interface EndsOptions {
  /** The head is the embedding. */
  readonly tied?: boolean;
  readonly outputNorm?: string;
  /** Biases of the norm and the head. */
  readonly bias?: boolean;
  /** Standard deviation of the logits, about. */
  readonly headGain?: number;
  /** Greatest absolute value of an untied embedding. */
  readonly embeddingSize?: number;
}

/** What stands before and after the layers. */
export function ends(hidden: number, options: EndsOptions = {}): TensorPlan[] {
  const { tied = false, outputNorm = 'output_norm.weight', headGain = 2.5, embeddingSize = 1 } = options;
  // A tied embedding stands in the residual as well: small, so that a token is not simply repeated.
  const embedding = tied ? matrix('token_embd.weight', hidden, VOCABULARY_SIZE, { gain: headGain }) : table(hidden, embeddingSize);
  const tensors = [embedding, norm(outputNorm, hidden)];
  if (!tied) tensors.push(matrix('output.weight', hidden, VOCABULARY_SIZE, { gain: headGain }));
  if (options.bias) tensors.push(bias('output_norm.bias', hidden), bias('output.bias', VOCABULARY_SIZE));
  return tensors;
}

function table(hidden: number, size: number): TensorPlan {
  return { name: 'token_embd.weight', dimensions: [hidden, VOCABULARY_SIZE], low: -size, high: size };
}

export interface AttentionOptions {
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** RMSNorm of queries and keys: of each head, or of all together. */
  readonly queryKeyNorm?: 'head' | 'all';
  /** Biases of q, k, v. */
  readonly bias?: boolean;
  readonly outputBias?: boolean;
  readonly normBias?: boolean;
  /** One tensor attn_qkv in place of three. */
  readonly fused?: boolean;
  readonly sinks?: boolean;
  readonly outputGain?: number;
}

export function attention(layer: number, options: AttentionOptions): TensorPlan[] {
  const { hidden, heads, kvHeads, headSize } = options;
  const at = layerNames(layer);
  const queryRows = heads * headSize;
  const keyRows = kvHeads * headSize;
  const tensors = [norm(at('attn_norm'), hidden)];
  if (options.normBias) tensors.push(bias(at('attn_norm', 'bias'), hidden));
  if (options.fused) tensors.push(matrix(at('attn_qkv'), hidden, queryRows + 2 * keyRows));
  else tensors.push(matrix(at('attn_q'), hidden, queryRows), matrix(at('attn_k'), hidden, keyRows), matrix(at('attn_v'), hidden, keyRows));
  if (options.bias) tensors.push(bias(at('attn_q', 'bias'), queryRows), bias(at('attn_k', 'bias'), keyRows), bias(at('attn_v', 'bias'), keyRows));
  if (options.queryKeyNorm === 'head') tensors.push(norm(at('attn_q_norm'), headSize), norm(at('attn_k_norm'), headSize));
  if (options.queryKeyNorm === 'all') tensors.push(norm(at('attn_q_norm'), queryRows), norm(at('attn_k_norm'), keyRows));
  if (options.sinks) tensors.push(vector(at('attn_sinks'), heads, -1, 2));
  tensors.push(matrix(at('attn_output'), queryRows, hidden, { gain: options.outputGain ?? 1 }));
  if (options.outputBias) tensors.push(bias(at('attn_output', 'bias'), hidden));
  return tensors;
}

export interface LatentAttentionOptions {
  readonly hidden: number;
  readonly heads: number;
  readonly queryRank?: number;
  readonly latent: number;
  readonly nope: number;
  readonly rotary: number;
  readonly valueSize: number;
  /** Old files: keys and values of a head from one tensor. */
  readonly joined: boolean;
}

/** Multi-head latent attention. */
export function latentAttention(layer: number, options: LatentAttentionOptions): TensorPlan[] {
  const { hidden, heads, queryRank, latent, nope, rotary, valueSize } = options;
  const at = layerNames(layer);
  const queryRows = heads * (nope + rotary);
  const query = queryRank
    ? [matrix(at('attn_q_a'), hidden, queryRank), norm(at('attn_q_a_norm'), queryRank), matrix(at('attn_q_b'), queryRank, queryRows)]
    : [matrix(at('attn_q'), hidden, queryRows)];
  const keyValue = options.joined
    ? [matrix(at('attn_kv_b'), latent, heads * (nope + valueSize))]
    : [matrix(at('attn_k_b'), nope, latent, { stack: heads }), matrix(at('attn_v_b'), latent, valueSize, { stack: heads })];
  return [
    norm(at('attn_norm'), hidden),
    ...query,
    matrix(at('attn_kv_a_mqa'), hidden, latent + rotary),
    norm(at('attn_kv_a_norm'), latent),
    ...keyValue,
    matrix(at('attn_output'), heads * valueSize, hidden),
  ];
}

/** A gated causal convolution over `taps` tokens in place of attention. */
export function shortConvolution(layer: number, hidden: number, taps: number): TensorPlan[] {
  const at = layerNames(layer);
  return [
    norm(at('attn_norm'), hidden),
    matrix(at('shortconv.in_proj'), hidden, 3 * hidden),
    { name: at('shortconv.conv'), dimensions: [taps, hidden], low: -1, high: 1 },
    matrix(at('shortconv.out_proj'), hidden, hidden),
  ];
}

export interface ExpertsOptions {
  readonly hidden: number;
  readonly count: number;
  readonly ffn: number;
  readonly normName?: string;
  readonly normBias?: boolean;
  /** Biases of the router and of each expert. */
  readonly bias?: boolean;
  /** Half the width of the selection biases. */
  readonly selectionBias?: number;
  /** Gate and up in one tensor. */
  readonly fused?: boolean;
  /** Width of the expert that every token passes. */
  readonly shared?: number;
  /** The shared expert has a gate of its own. */
  readonly sharedGate?: boolean;
  /** Of gate and up. */
  readonly gateGain?: number;
  readonly outputGain?: number;
}

/** Norm, router, experts, shared expert. */
export function experts(layer: number, options: ExpertsOptions): TensorPlan[] {
  const { hidden, count, ffn } = options;
  const at = layerNames(layer);
  const wide = { stack: count, gain: options.gateGain ?? 2 };
  const tensors = [norm(at(options.normName ?? 'ffn_norm'), hidden)];
  if (options.normBias) tensors.push(bias(at('ffn_norm', 'bias'), hidden));
  tensors.push(matrix(at('ffn_gate_inp'), hidden, count, { gain: 1.5 }));
  if (options.bias) tensors.push(bias(at('ffn_gate_inp', 'bias'), count));
  if (options.selectionBias) tensors.push(bias(at('exp_probs_b', 'bias'), count, options.selectionBias));
  if (options.fused) tensors.push(matrix(at('ffn_gate_up_exps'), hidden, 2 * ffn, wide));
  else tensors.push(matrix(at('ffn_gate_exps'), hidden, ffn, wide), matrix(at('ffn_up_exps'), hidden, ffn, wide));
  tensors.push(matrix(at('ffn_down_exps'), ffn, hidden, { stack: count, gain: options.outputGain ?? 1 }));
  if (options.bias) {
    for (const [name, rows] of [
      ['ffn_gate_exps', ffn],
      ['ffn_up_exps', ffn],
      ['ffn_down_exps', hidden],
    ] as const) {
      tensors.push({ ...bias(at(name, 'bias'), rows), dimensions: [rows, count] });
    }
  }
  if (options.sharedGate) tensors.push(vector(at('ffn_gate_inp_shexp'), hidden, -0.3, 0.3));
  if (options.shared) tensors.push(...gatedFfn(layer, hidden, options.shared, '_shexp'));
  return tensors;
}

/** A layer's ffn without experts, with its norm. */
export function denseFfn(layer: number, hidden: number, ffn: number, normName = 'ffn_norm'): TensorPlan[] {
  return [norm(layerNames(layer)(normName), hidden), ...gatedFfn(layer, hidden, ffn, '')];
}

function gatedFfn(layer: number, hidden: number, ffn: number, suffix: string): TensorPlan[] {
  const at = layerNames(layer);
  return [
    matrix(at(`ffn_gate${suffix}`), hidden, ffn, { gain: 2 }),
    matrix(at(`ffn_up${suffix}`), hidden, ffn, { gain: 2 }),
    matrix(at(`ffn_down${suffix}`), ffn, hidden),
  ];
}

/** One list per layer. */
export function layers(count: number, make: (layer: number) => TensorPlan[]): TensorPlan[] {
  return Array.from({ length: count }, (_, layer) => make(layer)).flat();
}

function layerNames(layer: number): (part: string, kind?: 'weight' | 'bias') => string {
  return (part, kind = 'weight') => `blk.${layer}.${part}.${kind}`;
}
