// The forward pass as lists of operation calls, made once from spec, trunk and buffers. A decode step of a plain MoE model is 7 calls a layer, 3 of them for the
// MoE. Prompts and decode steps are built by the same code; they differ in the products (all tokens or the last one) and in how experts are run.

import { ACTIVATION_IDS } from '../core/activation';
import { assert, defined } from '../core/assert';
import type { OperationCall } from '../core/backend';
import { CODEC_IDS, type PackedMatrix } from '../core/packed-weights';
import { type LayerSpec, type MoeSpec, moeLayers } from '../model/spec';
import type { ExpertLayout } from './expert-layout';
import { MixerPrograms } from './mixer-programs';
import { GATE_UP_ROWS_AT_ONCE, type Mode, ProductCalls, wordsOf } from './product-calls';
import type { ProgramInputs } from './program-inputs';
import type { LayerTrunk } from './trunk';
import { RECORD_HEADER_WORDS, ROUTE_WORDS, denseRows, rowsOf } from './workspace';

/** A weight sum below this is taken as this, as llama.cpp does: the smallest normal half. */
const MINIMUM_WEIGHT_SUM = 2 ** -14;

export class ProgramBuilder {
  readonly #in: ProgramInputs;
  readonly #products: ProductCalls;
  readonly #mixers: MixerPrograms;
  /** Index of a layer → its number among the MoE layers. */
  readonly #moeNumber: ReadonlyMap<number, number>;

  constructor(inputs: ProgramInputs) {
    this.#in = inputs;
    this.#products = new ProductCalls(inputs.isSoftware);
    this.#mixers = new MixerPrograms(inputs, this.#products);
    this.#moeNumber = new Map(moeLayers(inputs.spec).map(({ index }, number) => [index, number]));
  }

  /** One decode step: embedding, layers, head, sampling. `routeAt[MoE layer]` is the call from which a halted step is replayed. */
  decodeStep(): { readonly calls: OperationCall[]; readonly routeAt: number[] } {
    const calls = this.embed();
    const routeAt: number[] = [];
    for (const layer of this.#in.spec.layers) {
      calls.push(...this.#layerStart(layer), ...this.#mixers.calls(layer, this.#trunkOf(layer), 'decode'));
      if (layer.ffn.kind === 'dense') {
        calls.push(...this.#denseFfn(layer, 'decode'));
        continue;
      }
      // The norm is replayed too: a scout has left the norm of a later layer behind.
      routeAt.push(calls.length);
      calls.push(...this.#routerNorm(layer));
      calls.push(this.#route(layer, layer.ffn, 'decode'), ...this.#decodeExperts(layer, layer.ffn), ...this.#sharedExperts(layer, 'decode'));
    }
    calls.push(...this.head(), ...this.sample());
    return { calls, routeAt };
  }

  embed(): OperationCall[] {
    const { trunk, workspace, shape, spec } = this.#in;
    return trunk.embedding.map(({ buffer, matrix, firstRow }) => ({
      operation: 'embed',
      buffers: { weights: buffer, tokens: workspace.tokens, output: workspace.hidden },
      params: {
        column_count: matrix.columnCount,
        output_stride: shape.hiddenStride,
        first_row: firstRow,
        row_count: matrix.rowCount,
        base: wordsOf(matrix.offsetBytes),
        output_scale: spec.scales.embedding,
      },
      constants: { CODEC: codecOf(matrix) },
    }));
  }

  /** Logits of the last token of the batch. */
  head(): OperationCall[] {
    const { trunk, workspace: w, shape, spec } = this.#in;
    const input = { buffer: w.hidden, stride: shape.hiddenStride };
    return trunk.outputHead
      .map(({ buffer, matrix, firstRow }) => {
        const product = { buffer, matrices: [matrix], ...(trunk.outputBias ? { bias: trunk.outputBias } : {}) };
        const output = { buffer: w.logits, stride: spec.vocabularySize, offset: firstRow, scale: spec.scales.logits };
        const norm = { trunk: trunk.outputNorm, epsilon: spec.normEpsilon, scratch: w.mixerInput };
        return this.#products.normed('decode', norm, product, input, output);
      })
      .flat();
  }

  sample(): OperationCall[] {
    const { sampling, logits, seen, tokens, record, candidates } = this.#in.workspace;
    const buffers = { sampling, logits, seen, tokens, record, candidates };
    return [{ operation: 'sample', buffers, params: { vocabulary_size: this.#in.spec.vocabularySize } }];
  }

  /** A prompt chunk in one layer, up to where its experts are known; all of a dense layer. */
  prefillStart(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape } = this.#in;
    const start = [...this.#layerStart(layer), ...this.#mixers.calls(layer, this.#trunkOf(layer), 'prefill')];
    if (layer.ffn.kind === 'dense') return [...start, ...this.#denseFfn(layer, 'prefill')];
    return [
      ...start,
      ...this.#routerNorm(layer),
      this.#route(layer, layer.ffn, 'prefill'),
      {
        operation: 'group',
        buffers: { routes: w.chunkRoutes, groups: w.groups },
        params: { expert_count: layer.ffn.expertCount, routes_offset: this.#numberOf(layer) * shape.chunkRouteWords },
        constants: { TOP_K: shape.topK },
      },
    ];
  }

  /** Products of the active experts of a prompt chunk in one MoE layer; run once per pass. */
  prefillExperts(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape, slotTable } = this.#in;
    const { ffn } = layer;
    assert(ffn.kind === 'moe', 'a dense layer has no experts');
    const number = this.#numberOf(layer);
    const layout = this.#layoutOf(number);
    const weights = this.#in.slabOf(number);
    const shared = { expert_count: ffn.expertCount, slot_words: wordsOf(this.#in.slotBytes), table_offset: number * shape.expertCount };
    const tables = { groups: w.groups, slot_table: slotTable, active_experts: w.activeExperts };
    return [
      {
        operation: 'grouped-gate-up',
        buffers: { weights, input: w.normed, ...tables, output: w.activated },
        params: { ...shared, ...gateUpParams(layout), input_stride: shape.hiddenStride, output_stride: shape.expertStride },
        constants: { TOP_K: shape.topK, ...gateUpConstants(ffn, layout) },
      },
      {
        operation: 'grouped-down',
        buffers: { weights, input: w.activated, ...tables, output: w.pairOutput },
        params: { ...shared, ...downParams(layout), input_stride: shape.expertStride, output_stride: shape.hiddenStride },
        constants: { CODEC: codecOf(layout.down), HAS_BIAS: layout.biasOffsets ? 1 : 0 },
      },
    ];
  }

  /** Weighs and adds the experts' results of a prompt chunk in one MoE layer; then the shared experts. */
  prefillCombine(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    return [
      {
        operation: 'combine',
        buffers: { input: w.pairOutput, routes: w.chunkRoutes, output: w.hidden },
        params: {
          row_count: spec.hiddenSize,
          routes_offset: this.#numberOf(layer) * shape.chunkRouteWords,
          input_stride: shape.hiddenStride,
          output_stride: shape.hiddenStride,
          output_scale: spec.scales.residual,
        },
        constants: { TOP_K: shape.topK },
      },
      ...this.#sharedExperts(layer, 'prefill'),
    ];
  }

  /** Keeps the residual stream as it is before the mixer, for routers that read it. */
  #layerStart({ ffn }: LayerSpec): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    if (ffn.kind !== 'moe' || ffn.router.scoreInput !== 'layer') return [];
    const params = { column_count: spec.hiddenSize, stride: shape.hiddenStride, norm_eps: 0 };
    return [{ operation: 'norm', buffers: { input: w.hidden, output: defined(w.layerInput, 'layer input') }, params, constants: { IS_COPY: 1 } }];
  }

  /** The router norms by itself unless the norm has a bias. */
  #routerNorm(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    const { ffnNorm } = this.#trunkOf(layer);
    if (!ffnNorm.hasBias) return [];
    const columns = { columnCount: spec.hiddenSize, stride: shape.hiddenStride };
    return [this.#products.norm(ffnNorm, spec.normEpsilon, w.hidden, w.mixerInput, columns)];
  }

  #route(layer: LayerSpec, { router, expertCount, routerBias, selectionBias }: MoeSpec, mode: Mode): OperationCall {
    const { workspace: w, shape, spec, slotTable } = this.#in;
    const trunk = this.#trunkOf(layer);
    const number = this.#numberOf(layer);
    const isNormed = trunk.ffnNorm.hasBias;
    const { groups } = router.select;
    const readsLayerInput = router.scoreInput === 'layer';
    return {
      operation: 'route',
      buffers: {
        input: isNormed ? w.mixerInput : w.hidden,
        gain: isNormed ? w.hidden : trunk.ffnNorm.gain,
        router: defined(trunk.router, 'router'),
        ...(readsLayerInput ? { score_input: defined(w.layerInput, 'layer input') } : {}),
        slot_table: slotTable,
        normed: w.normed,
        routes: mode === 'decode' ? w.record : w.chunkRoutes,
      },
      params: {
        column_count: spec.hiddenSize,
        stride: shape.hiddenStride,
        expert_count: expertCount,
        layer: number,
        slot_table_offset: number * shape.expertCount,
        routes_offset: mode === 'decode' ? this.#recordOffset(number) : number * shape.chunkRouteWords,
        norm_eps: spec.normEpsilon,
        weight_scale: router.scale,
        minimum_sum: MINIMUM_WEIGHT_SUM,
        last_layer: shape.layerCount - 1,
        ...(groups ? { group_count: groups.count, group_keep: groups.keep } : {}),
      },
      constants: {
        TOP_K: router.select.topK,
        RENORMALISE: router.weigh === 'renormalise' ? 1 : 0,
        HALTS: mode === 'decode' ? 1 : 0,
        NORM: isNormed ? 0 : 1,
        ACTIVATE: router.activate === 'sigmoid' ? 1 : 0,
        HAS_SCORE_INPUT: readsLayerInput ? 1 : 0,
        HAS_ROUTER_BIAS: routerBias ? 1 : 0,
        HAS_SELECTION_BIAS: selectionBias ? 1 : 0,
        GROUP_TOP: groups?.top ?? 0,
      },
    };
  }

  #decodeExperts(layer: LayerSpec, ffn: MoeSpec): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    const number = this.#numberOf(layer);
    const layout = this.#layoutOf(number);
    const weights = this.#in.slabOf(number);
    const shared = { slot_words: wordsOf(this.#in.slotBytes), routes_offset: this.#recordOffset(number) };
    return [
      {
        operation: 'expert-gate-up',
        buffers: { weights, input: w.normed, routes: w.record, output: w.activated },
        params: { ...shared, ...gateUpParams(layout), output_stride: shape.expertStride },
        constants: { ...this.#products.rowConstants(layout.gate.columnCount, GATE_UP_ROWS_AT_ONCE), TOP_K: shape.topK, ...gateUpConstants(ffn, layout) },
      },
      {
        operation: 'expert-down',
        buffers: { weights, input: w.activated, routes: w.record, output: w.hidden },
        params: { ...shared, ...downParams(layout), input_stride: shape.expertStride, output_scale: spec.scales.residual },
        constants: {
          ...this.#products.rowConstants(layout.down.columnCount),
          TOP_K: shape.topK,
          CODEC: codecOf(layout.down),
          HAS_BIAS: layout.biasOffsets ? 1 : 0,
        },
      },
    ];
  }

  #denseFfn(layer: LayerSpec, mode: Mode): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    const trunk = this.#trunkOf(layer);
    const { gateUp } = defined(trunk.dense, 'dense FFN');
    const norm = { trunk: trunk.ffnNorm, epsilon: spec.normEpsilon, scratch: w.mixerInput };
    const input = { buffer: w.hidden, stride: shape.hiddenStride };
    const output = { buffer: w.gateUp, stride: denseRows(layer).gateUp };
    return [...this.#products.normed(mode, norm, gateUp, input, output), ...this.#denseDown(layer, mode)];
  }

  /** Shared experts read what the router has normed. */
  #sharedExperts(layer: LayerSpec, mode: Mode): OperationCall[] {
    const { workspace: w, shape } = this.#in;
    const { dense } = this.#trunkOf(layer);
    if (!dense) return [];
    const input = { buffer: w.normed, stride: shape.hiddenStride };
    return [this.#products.product(mode, dense.gateUp, input, { buffer: w.gateUp, stride: denseRows(layer).gateUp }), ...this.#denseDown(layer, mode)];
  }

  #denseDown(layer: LayerSpec, mode: Mode): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    const { gateUp: inputStride, activated: columnCount } = denseRows(layer);
    const activated = rowsOf(w.denseActivated, columnCount);
    const ffn = defined(layer.ffn.kind === 'dense' ? layer.ffn : layer.ffn.shared, 'dense FFN');
    const { down } = defined(this.#trunkOf(layer).dense, 'dense FFN');
    return [
      {
        operation: 'activate',
        buffers: { input: w.gateUp, output: activated.buffer },
        params: { row_count: ffn.hiddenSize, input_stride: inputStride, output_stride: activated.stride },
        constants: { ACTIVATION: ACTIVATION_IDS[ffn.activation], HAS_GATE: inputStride > 2 * ffn.hiddenSize ? 1 : 0 },
      },
      this.#products.product(mode, down, activated, { buffer: w.hidden, stride: shape.hiddenStride, scale: spec.scales.residual, addsResidual: true }),
    ];
  }

  #recordOffset(number: number): number {
    return RECORD_HEADER_WORDS + number * this.#in.shape.topK * ROUTE_WORDS;
  }

  #numberOf(layer: LayerSpec): number {
    return defined(this.#moeNumber.get(layer.index), `number of MoE layer ${layer.index}`);
  }

  #trunkOf(layer: LayerSpec): LayerTrunk {
    return defined(this.#in.trunk.layers[layer.index], `trunk of layer ${layer.index}`);
  }

  #layoutOf(number: number): ExpertLayout {
    return defined(this.#in.layouts[number], `expert layout ${number}`);
  }
}

const codecOf = (matrix: PackedMatrix) => CODEC_IDS[matrix.codec];

function gateUpParams({ gate, up, biasOffsets }: ExpertLayout): Record<string, number> {
  return {
    column_count: gate.columnCount,
    row_count: gate.rowCount,
    gate_base: wordsOf(gate.offsetBytes),
    up_base: wordsOf(up.offsetBytes),
    ...(biasOffsets ? { gate_bias: wordsOf(biasOffsets.gate), up_bias: wordsOf(biasOffsets.up) } : {}),
  };
}

function gateUpConstants({ activation }: MoeSpec, { gate, up, biasOffsets }: ExpertLayout): Record<string, number> {
  return { GATE_CODEC: codecOf(gate), UP_CODEC: codecOf(up), ACTIVATION: ACTIVATION_IDS[activation], HAS_BIAS: biasOffsets ? 1 : 0 };
}

function downParams({ down, biasOffsets }: ExpertLayout): Record<string, number> {
  return {
    column_count: down.columnCount,
    row_count: down.rowCount,
    down_base: wordsOf(down.offsetBytes),
    ...(biasOffsets ? { down_bias: wordsOf(biasOffsets.down) } : {}),
  };
}
