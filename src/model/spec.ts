// What a model is, as data. Made by `specFromGguf` (the only place that knows architectures); read by everything else.

import type { CodecName } from '../core/packed-weights';

/** A router: scope → score → edits → activate → select → weigh. Fields are added as routers need them; none is read by name of a model. */
export interface RouterSpec {
  readonly scope: 'token';
  readonly score: 'linear';
  readonly activate: 'softmax';
  readonly select: { readonly topK: number };
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
}

/** A stack of expert matrices [expert, row, column], each expert contiguous. */
export interface ExpertStackRef extends TensorRef {
  readonly expertCount: number;
  readonly bytesPerExpert: number;
}

export interface AttentionSpec {
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headSize: number;
  /** Per-head RMSNorm of queries and keys before RoPE. */
  readonly hasHeadNorm: boolean;
  readonly rope: { readonly kind: 'neox'; readonly base: number; readonly rotaryDimensions: number };
}

export interface LayerSpec {
  readonly index: number;
  readonly attentionNorm: TensorRef;
  readonly query: TensorRef;
  readonly key: TensorRef;
  readonly value: TensorRef;
  readonly queryNorm?: TensorRef;
  readonly keyNorm?: TensorRef;
  readonly attentionOutput: TensorRef;
  readonly ffnNorm: TensorRef;
  readonly moe: {
    readonly router: RouterSpec;
    readonly routerWeight: TensorRef;
    readonly expertCount: number;
    readonly expertHiddenSize: number;
    readonly activation: 'silu';
    readonly gate: ExpertStackRef;
    readonly up: ExpertStackRef;
    readonly down: ExpertStackRef;
  };
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
  readonly attention: AttentionSpec;
  readonly embedding: TensorRef;
  readonly outputNorm: TensorRef;
  /** The same reference as `embedding` when they are tied. */
  readonly outputHead: TensorRef;
  readonly parameterCount: number;
}
