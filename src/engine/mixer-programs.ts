// The calls of what mixes positions in a layer: attention, latent attention, short convolution. All of them read the residual stream through the layer's norm
// and add their output to it.

import { assert, defined } from '../core/assert';
import type { OperationCall } from '../core/backend';
import type { AttentionSpec, LatentAttentionSpec, LayerSpec, ShortConvolutionSpec } from '../model/spec';
import type { Mode, ProductCalls, ProductOutput } from './product-calls';
import type { ProgramInputs } from './program-inputs';
import type { LayerTrunk, MixerTrunk, NormTrunk, Product } from './trunk';
import { type MixerSizes, mixerSizes, rowsOf } from './workspace';

/** Values of the ROPE override constants. */
const ROPE_IDS = { none: 0, 'half-split': 1, adjacent: 2 } as const;
/** Positions that a workgroup of attention takes at a time, each by an invocation of its own: many where they run side by side. */
const ATTENTION_TILE = 256;
const SOFTWARE_ATTENTION_TILE = 64;
const HEAD_NORM_IDS = { none: 0, head: 1, row: 2 } as const;

type TrunkOf<Kind extends MixerTrunk['kind']> = Extract<MixerTrunk, { readonly kind: Kind }>;

export class MixerPrograms {
  readonly #in: Pick<ProgramInputs, 'spec' | 'shape' | 'workspace' | 'isSoftware'>;
  readonly #products: ProductCalls;

  readonly #attentionTile: number;

  constructor(inputs: Pick<ProgramInputs, 'spec' | 'shape' | 'workspace' | 'isSoftware'>, products: ProductCalls) {
    this.#in = inputs;
    this.#products = products;
    this.#attentionTile = inputs.isSoftware ? SOFTWARE_ATTENTION_TILE : ATTENTION_TILE;
  }

  calls(layer: LayerSpec, { mixer: trunk, mixerNorm }: LayerTrunk, mode: Mode): OperationCall[] {
    const { spec, workspace: w, shape } = this.#in;
    const sizes = mixerSizes(layer, spec);
    const norm = { trunk: mixerNorm, epsilon: spec.normEpsilon, scratch: w.mixerInput };
    const input = { buffer: w.hidden, stride: shape.hiddenStride };
    const output = { buffer: w.hidden, stride: shape.hiddenStride, scale: spec.scales.residual, addsResidual: true };
    return [
      ...this.#mix(layer, trunk, mode, sizes, (product, to) => this.#products.normed(mode, norm, product, input, to)),
      this.#products.product(mode, trunk.output, rowsOf(w.mixed, sizes.mixed), output),
    ];
  }

  #mix(layer: LayerSpec, trunk: MixerTrunk, mode: Mode, sizes: MixerSizes, project: Project): OperationCall[] {
    const { mixer, index } = layer;
    switch (mixer.kind) {
      case 'attention':
        assert(trunk.kind === mixer.kind, 'a trunk of another mixer');
        return this.#attention(index, mixer, trunk, sizes, project);
      case 'latent-attention':
        assert(trunk.kind === mixer.kind, 'a trunk of another mixer');
        return this.#latentAttention(index, mixer, trunk, mode, sizes, project);
      case 'short-convolution':
        assert(trunk.kind === mixer.kind, 'a trunk of another mixer');
        return this.#shortConvolution(index, mixer, trunk, sizes, project);
    }
  }

  #attention(index: number, mixer: AttentionSpec, trunk: TrunkOf<'attention'>, sizes: MixerSizes, project: Project): OperationCall[] {
    const { workspace: w, spec } = this.#in;
    const { headCount, kvHeadCount, headSize } = mixer;
    const caches = this.#caches(index);
    return [
      ...project(trunk.qkv, { buffer: w.projected, stride: sizes.projected }),
      {
        operation: 'rope-cache',
        buffers: { qkv: w.projected, ...(trunk.headGain ? { head_gain: trunk.headGain } : {}), rope_table: w.ropeTable, query: w.query, ...caches },
        params: {
          head_count: headCount,
          kv_head_count: kvHeadCount,
          head_size: headSize,
          rotary_size: spec.rope.dimensions,
          input_stride: sizes.projected,
          query_stride: sizes.query,
          norm_eps: spec.normEpsilon,
        },
        constants: { HEAD_NORM: HEAD_NORM_IDS[mixer.headNorm?.scope ?? 'none'], ROPE: ROPE_IDS[mixer.hasRope ? spec.rope.pairing : 'none'] },
      },
      {
        operation: 'attention',
        buffers: { query: w.query, ...caches, ...(trunk.sinks ? { sinks: trunk.sinks } : {}), output: rowsOf(w.mixed, sizes.mixed).buffer },
        params: {
          head_count: headCount,
          kv_head_count: kvHeadCount,
          head_size: headSize,
          stride: sizes.query,
          scale: mixer.scoreScale,
          value_size: headSize,
          output_stride: rowsOf(w.mixed, sizes.mixed).stride,
          window: mixer.window,
        },
        constants: { WG_SIZE: this.#attentionTile, HAS_SINKS: trunk.sinks ? 1 : 0 },
      },
    ];
  }

  #latentAttention(
    index: number,
    mixer: LatentAttentionSpec,
    trunk: TrunkOf<'latent-attention'>,
    mode: Mode,
    sizes: MixerSizes,
    project: Project,
  ): OperationCall[] {
    const { workspace: w, spec } = this.#in;
    const { headCount, plainSize, valueSize } = mixer;
    const rotarySize = spec.rope.dimensions;
    const size = plainSize + rotarySize;
    const caches = this.#caches(index);
    const projected = { buffer: w.projected, stride: sizes.projected };
    /** A product to a low rank, and its norm. */
    const lower = (product: Product, norm: NormTrunk, columnCount: number) => {
      const low = rowsOf(w.low, columnCount);
      const normed = rowsOf(w.lowNormed, columnCount);
      const columns = { columnCount, stride: low.stride };
      return { calls: [...project(product, low), this.#products.norm(norm, spec.normEpsilon, low.buffer, normed.buffer, columns)], normed };
    };
    const latent = lower(trunk.latent, trunk.latentNorm, sizes.latent);
    const queryCalls = (): OperationCall[] => {
      if ('straight' in trunk.query) return project(trunk.query.straight, projected);
      const { calls, normed } = lower(trunk.query.down, trunk.query.norm, sizes.lowQuery);
      return [...calls, this.#products.product(mode, trunk.query.up, normed, projected)];
    };
    return [
      ...queryCalls(),
      ...project(trunk.keyRotary, { buffer: w.keyRotary, stride: rotarySize }),
      ...latent.calls,
      this.#products.product(mode, trunk.expand, latent.normed, { buffer: w.expanded, stride: sizes.expanded }),
      {
        operation: 'latent-cache',
        buffers: { query_in: w.projected, expanded: w.expanded, key_rotary: w.keyRotary, rope_table: w.ropeTable, query: w.query, ...caches },
        params: {
          head_count: headCount,
          plain_size: plainSize,
          rotary_size: rotarySize,
          value_size: valueSize,
          query_in_stride: sizes.projected,
          expanded_stride: sizes.expanded,
          rotary_stride: rotarySize,
          query_stride: sizes.query,
        },
        constants: { ROPE: ROPE_IDS[spec.rope.pairing] },
      },
      {
        operation: 'attention',
        buffers: { query: w.query, ...caches, output: rowsOf(w.mixed, sizes.mixed).buffer },
        params: {
          head_count: headCount,
          kv_head_count: headCount,
          head_size: size,
          stride: sizes.query,
          scale: mixer.scoreScale,
          value_size: valueSize,
          output_stride: rowsOf(w.mixed, sizes.mixed).stride,
        },
        constants: { WG_SIZE: this.#attentionTile },
      },
    ];
  }

  #shortConvolution(index: number, mixer: ShortConvolutionSpec, trunk: TrunkOf<'short-convolution'>, sizes: MixerSizes, project: Project): OperationCall[] {
    const { workspace: w, spec } = this.#in;
    return [
      ...project(trunk.input, { buffer: w.projected, stride: sizes.projected }),
      {
        operation: 'short-convolution',
        buffers: { input: w.projected, taps: trunk.taps, cache: this.#caches(index).key_cache, output: rowsOf(w.mixed, sizes.mixed).buffer },
        params: { column_count: spec.hiddenSize, input_stride: sizes.projected, output_stride: rowsOf(w.mixed, sizes.mixed).stride, tap_count: mixer.tapCount },
      },
    ];
  }

  #caches(index: number) {
    const { keyCaches, valueCaches } = this.#in.workspace;
    return { key_cache: defined(keyCaches[index]), value_cache: defined(valueCaches[index]) };
  }
}

/** Norm of the layer's input and a product of it. */
type Project = (product: Product, output: ProductOutput) => OperationCall[];
