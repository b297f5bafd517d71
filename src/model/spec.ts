// What a model is, as data. Made by `specFromGguf` from the table of architectures (the only place that knows families by name); read by everything else.

import type { ActivationName } from '../core/activation';
import type { CodecName } from '../core/packed-weights';

/** A router: scope → score → edits → activate → select → weigh. Fields are added as routers need them; none is read by name of a model. */
export interface RouterSpec {
  readonly scope: 'token';
  readonly score: 'linear';
  /** What the score is taken of: the normed input of the experts, or the layer's own input before attention. */
  readonly scoreInput: 'ffn' | 'layer';
  readonly activate: 'softmax' | 'sigmoid';
  readonly select: {
    readonly topK: number;
    /** Only experts of the best `keep` of `count` groups; a group scores the sum of its `top` best experts. */
    readonly groups?: { readonly count: number; readonly keep: number; readonly top: 1 | 2 };
  };
  /** 'raw': the activated score; 'renormalise': divided by the sum over the selected. */
  readonly weigh: 'raw' | 'renormalise';
  /** The weights are multiplied by this at the end. */
  readonly scale: number;
}

/** Where a tensor's bytes are. Dimensions as matrices are used: [rowCount, columnCount], columns contiguous. */
export interface TensorRef {
  readonly name: string;
  readonly codec: CodecName;
  readonly rowCount: number;
  readonly columnCount: number;
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /**
   * Set when the file holds a stack of `count` matrices [rowCount / count, columnCount] that are used transposed: the tensor is then read as a whole,
   * expanded to f32 and turned when it is loaded. Row and column counts are those after turning.
   */
  readonly transposedStack?: { readonly count: number };
}

/** A stack of expert matrices [expert, row, column]. An expert's rows are contiguous; the next expert's begin `strideBytes` further. */
export interface ExpertStackRef extends TensorRef {
  readonly expertCount: number;
  readonly bytesPerExpert: number;
  readonly strideBytes: number;
  /** [expert, row], f32 in use. */
  readonly bias?: TensorRef;
}

/** y = W x (+ b). */
export interface LinearSpec {
  readonly weight: TensorRef;
  readonly bias?: TensorRef;
}

/** RMSNorm (+ bias). */
export interface NormSpec {
  readonly gain: TensorRef;
  readonly bias?: TensorRef;
}

export interface RopeSpec {
  /** 'half-split': column i turns with i + n/2 (GPT-NeoX). 'adjacent': 2i turns with 2i + 1. */
  readonly pairing: 'half-split' | 'adjacent';
  /** n: columns of a head that turn. */
  readonly dimensions: number;
  readonly base: number;
  /** Divides the angle of pair i. */
  readonly factors?: TensorRef;
  /** Multiplies cos and sin. */
  readonly magnitude: number;
  readonly scaling:
    | { readonly kind: 'none' }
    | { readonly kind: 'linear'; readonly factor: number }
    | { readonly kind: 'yarn'; readonly factor: number; readonly originalContextLength: number };
}

/** Grouped-query attention. */
export interface AttentionSpec {
  readonly kind: 'attention';
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headSize: number;
  readonly query: LinearSpec;
  readonly key: LinearSpec;
  readonly value: LinearSpec;
  readonly output: LinearSpec;
  /** RMSNorm of queries and keys before RoPE: each head by itself, or all heads of a token as one row. */
  readonly headNorm?: { readonly scope: 'head' | 'row'; readonly query: TensorRef; readonly key: TensorRef };
  readonly hasRope: boolean;
  /** Multiplies q · k. */
  readonly scoreScale: number;
  /** Positions that a token sees, itself included; 0: all. */
  readonly window: number;
  /** [head] a score without value that takes part in the softmax. */
  readonly sinks?: TensorRef;
}

/** Multi-head latent attention (DeepSeek-V2). */
export interface LatentAttentionSpec {
  readonly kind: 'latent-attention';
  readonly headCount: number;
  /** Columns of a query or key head without position, and of a value head; the turning part has RopeSpec.dimensions columns. */
  readonly plainSize: number;
  readonly valueSize: number;
  /** Straight, or through a normed low rank. */
  readonly query: { readonly weight: TensorRef } | { readonly down: TensorRef; readonly norm: TensorRef; readonly up: TensorRef };
  /** [latent, hidden], [rotary, hidden]. */
  readonly latent: TensorRef;
  readonly keyRotary: TensorRef;
  readonly latentNorm: TensorRef;
  /** [head · (plain key | value), latent] as one matrix, or the two parts apart: [head · plain, latent] and [head · value, latent]. */
  readonly expand: { readonly both: TensorRef } | { readonly key: TensorRef; readonly value: TensorRef };
  readonly output: LinearSpec;
  readonly scoreScale: number;
}

/** Gated short convolution (LFM2). */
export interface ShortConvolutionSpec {
  readonly kind: 'short-convolution';
  readonly input: LinearSpec;
  /** [column, tap], oldest first. */
  readonly taps: TensorRef;
  readonly tapCount: number;
  readonly output: LinearSpec;
}

/** gate, up and down of a dense FFN or a shared expert. */
export interface DenseFfnSpec {
  readonly kind: 'dense';
  readonly activation: ActivationName;
  readonly hiddenSize: number;
  readonly gate: LinearSpec;
  readonly up: LinearSpec;
  readonly down: LinearSpec;
}

export interface MoeSpec {
  readonly kind: 'moe';
  readonly router: RouterSpec;
  readonly routerWeight: TensorRef;
  /** Added to the score. */
  readonly routerBias?: TensorRef;
  /** Added to what the selection goes by, not to the weights. */
  readonly selectionBias?: TensorRef;
  readonly expertCount: number;
  readonly expertHiddenSize: number;
  readonly activation: ActivationName;
  readonly gate: ExpertStackRef;
  readonly up: ExpertStackRef;
  readonly down: ExpertStackRef;
  /** Runs for every token; `share` [1, hidden]: times sigmoid of that row's product. */
  readonly shared?: DenseFfnSpec & { readonly share?: TensorRef };
}

export interface LayerSpec {
  readonly index: number;
  readonly mixerNorm: NormSpec;
  readonly mixer: AttentionSpec | LatentAttentionSpec | ShortConvolutionSpec;
  readonly ffnNorm: NormSpec;
  readonly ffn: MoeSpec | DenseFfnSpec;
}

export interface ModelSpec {
  readonly architecture: string;
  readonly name: string;
  readonly layers: readonly LayerSpec[];
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  /** What the model was made for, in tokens. */
  readonly contextLength: number;
  readonly normEpsilon: number;
  readonly rope: RopeSpec;
  readonly embedding: TensorRef;
  readonly outputNorm: NormSpec;
  /** `weight` is the same reference as `embedding` when they are tied. */
  readonly outputHead: LinearSpec;
  /** Multiplies embeddings; what attention and FFN add to the residual stream; logits. */
  readonly scales: { readonly embedding: number; readonly residual: number; readonly logits: number };
  readonly parameterCount: number;
}

/** Layers with routed experts, in order. Only they have slots, records and routes. */
export function moeLayers(spec: ModelSpec): ReadonlyArray<LayerSpec & { readonly ffn: MoeSpec }> {
  return spec.layers.filter((layer): layer is LayerSpec & { readonly ffn: MoeSpec } => layer.ffn.kind === 'moe');
}
