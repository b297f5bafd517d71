// The forward pass as lists of operation calls, made once from spec, trunk and buffers. A decode step is 7 calls a layer, 3 of them for the MoE.

import { defined } from '../core/assert';
import type { DeviceBuffer, OperationCall } from '../core/backend';
import { CODEC_IDS, type PackedMatrix, blocksPerRow } from '../core/packed-weights';
import { powerOfTwoAtLeast } from '../core/units';
import type { LayerSpec, ModelSpec } from '../model/spec';
import type { ExpertLayout } from './expert-layout';
import type { LayerTrunk, MatrixShard, Trunk } from './trunk';
import { RECORD_HEADER_WORDS, ROUTE_WORDS, type Shape, type Workspace } from './workspace';

export interface ProgramInputs {
  readonly spec: ModelSpec;
  readonly shape: Shape;
  readonly trunk: Trunk;
  readonly workspace: Workspace;
  readonly layouts: readonly ExpertLayout[];
  readonly slotBytes: number;
  readonly slotTable: DeviceBuffer;
  slabOf(layer: number): DeviceBuffer;
  /** Workgroups are dear on software adapters, so each gets more rows there. It changes no arithmetic. */
  readonly isSoftware: boolean;
}

const MAT_VEC_WORKGROUP = 64;
const MAX_LANES = 32;

/** Bytes → 16-byte words, as matrices are addressed. */
const wordsOf = (bytes: number) => bytes / 16;
const codecOf = (matrix: PackedMatrix) => CODEC_IDS[matrix.codec];

function lanesOf(columnCount: number): number {
  return Math.min(MAX_LANES, powerOfTwoAtLeast(blocksPerRow(columnCount)));
}

/** The row arithmetic that mat-vec and mat-mul share: up to three matrices of one buffer, stacked. */
function stacked(matrices: readonly PackedMatrix[]): { params: Record<string, number>; constants: Record<string, number> } {
  const first = defined(matrices[0]);
  const at = (i: number) => matrices[i] ?? first;
  const end0 = first.rowCount;
  const end1 = end0 + (matrices[1]?.rowCount ?? 0);
  return {
    params: {
      column_count: first.columnCount,
      row_count: end1 + (matrices[2]?.rowCount ?? 0),
      row_end_0: end0,
      row_end_1: end1,
      base_0: wordsOf(first.offsetBytes),
      base_1: wordsOf(at(1).offsetBytes),
      base_2: wordsOf(at(2).offsetBytes),
    },
    constants: { CODEC_0: codecOf(first), CODEC_1: codecOf(at(1)), CODEC_2: codecOf(at(2)) },
  };
}

export class ProgramBuilder {
  readonly #in: ProgramInputs;
  readonly #rowSteps: number;

  constructor(inputs: ProgramInputs) {
    this.#in = inputs;
    this.#rowSteps = inputs.isSoftware ? 16 : 4;
  }

  /** One decode step: embedding, layers, head, sampling. `routeAt[layer]` is the call from which a halted step is replayed. */
  decodeStep(): { readonly calls: OperationCall[]; readonly routeAt: number[] } {
    const calls = this.embed();
    const routeAt: number[] = [];
    for (const layer of this.#in.spec.layers) {
      calls.push(...this.#decodeAttention(layer));
      routeAt.push(calls.length);
      calls.push(...this.#decodeExperts(layer));
    }
    calls.push(...this.head(), ...this.sample());
    return { calls, routeAt };
  }

  embed(): OperationCall[] {
    const { trunk, workspace, shape } = this.#in;
    return trunk.embedding.map(({ buffer, matrix, firstRow }) => ({
      operation: 'embed',
      buffers: { weights: buffer, tokens: workspace.tokens, output: workspace.hidden },
      params: {
        column_count: matrix.columnCount,
        output_stride: shape.hiddenStride,
        first_row: firstRow,
        row_count: matrix.rowCount,
        base: wordsOf(matrix.offsetBytes),
      },
      constants: { CODEC: codecOf(matrix) },
    }));
  }

  /** Logits of the last token of the batch. */
  head(): OperationCall[] {
    const { trunk, workspace, shape, spec } = this.#in;
    return trunk.outputHead.map((shard: MatrixShard) =>
      this.#matVec(shard.buffer, [shard.matrix], {
        input: workspace.hidden,
        inputStride: shape.hiddenStride,
        gain: trunk.outputGain,
        output: workspace.logits,
        outputOffset: shard.firstRow,
        epsilon: spec.normEpsilon,
      }),
    );
  }

  sample(): OperationCall[] {
    const { sampling, logits, seen, tokens, record } = this.#in.workspace;
    return [{ operation: 'sample', buffers: { sampling, logits, seen, tokens, record }, params: { vocabulary_size: this.#in.spec.vocabularySize } }];
  }

  /** Attention, routing and grouping of a prompt chunk in one layer. */
  prefillRoute(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    const trunk = this.#trunkOf(layer);
    const routes = w.chunkRoutes;
    const routesOffset = layer.index * shape.chunkRouteWords;
    return [
      {
        operation: 'norm',
        buffers: { input: w.hidden, gain: trunk.attentionGain, output: w.normed },
        params: { column_count: spec.hiddenSize, stride: shape.hiddenStride, norm_eps: spec.normEpsilon },
      },
      this.#matMul(trunk.attention, [trunk.query, trunk.key, trunk.value], w.normed, shape.hiddenStride, w.qkv, shape.queryRows + 2 * shape.kvRows, false),
      this.#ropeCache(layer, trunk),
      this.#attention(layer),
      this.#matMul(trunk.attention, [trunk.output], w.attended, shape.queryStride, w.hidden, shape.hiddenStride, true),
      this.#route(layer, trunk, routes, routesOffset, false),
      {
        operation: 'group',
        buffers: { routes, groups: w.groups },
        params: { expert_count: layer.moe.expertCount, routes_offset: routesOffset },
        constants: { TOP_K: shape.topK },
      },
    ];
  }

  /** Products of the active experts of a prompt chunk in one layer; run once per pass. */
  prefillExperts(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape, slotTable } = this.#in;
    const { moe } = layer;
    const layout = this.#layoutOf(layer);
    const weights = this.#in.slabOf(layer.index);
    const shared = { expert_count: moe.expertCount, slot_words: wordsOf(this.#in.slotBytes), table_offset: layer.index * shape.expertCount };
    const tables = { groups: w.groups, slot_table: slotTable, active_experts: w.activeExperts };
    return [
      {
        operation: 'grouped-gate-up',
        buffers: { weights, input: w.normed, ...tables, output: w.activated },
        params: {
          ...shared,
          column_count: layout.gate.columnCount,
          row_count: layout.gate.rowCount,
          gate_base: wordsOf(layout.gate.offsetBytes),
          up_base: wordsOf(layout.up.offsetBytes),
          input_stride: shape.hiddenStride,
          output_stride: shape.expertStride,
        },
        constants: { TOP_K: shape.topK, GATE_CODEC: codecOf(layout.gate), UP_CODEC: codecOf(layout.up) },
      },
      {
        operation: 'grouped-down',
        buffers: { weights, input: w.activated, ...tables, output: w.pairOutput },
        params: {
          ...shared,
          column_count: layout.down.columnCount,
          row_count: layout.down.rowCount,
          down_base: wordsOf(layout.down.offsetBytes),
          input_stride: shape.expertStride,
          output_stride: shape.hiddenStride,
        },
        constants: { CODEC: codecOf(layout.down) },
      },
    ];
  }

  /** Weighs and adds the experts' results of a prompt chunk in one layer. */
  prefillCombine(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    return [
      {
        operation: 'combine',
        buffers: { input: w.pairOutput, routes: w.chunkRoutes, output: w.hidden },
        params: {
          row_count: spec.hiddenSize,
          routes_offset: layer.index * shape.chunkRouteWords,
          input_stride: shape.hiddenStride,
          output_stride: shape.hiddenStride,
        },
        constants: { TOP_K: shape.topK },
      },
    ];
  }

  #decodeAttention(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape, spec } = this.#in;
    const trunk = this.#trunkOf(layer);
    return [
      this.#matVec(trunk.attention, [trunk.query, trunk.key, trunk.value], {
        input: w.hidden,
        inputStride: shape.hiddenStride,
        gain: trunk.attentionGain,
        output: w.qkv,
        epsilon: spec.normEpsilon,
      }),
      this.#ropeCache(layer, trunk),
      this.#attention(layer),
      this.#matVec(trunk.attention, [trunk.output], { input: w.attended, inputStride: shape.queryStride, output: w.hidden, addResidual: true }),
    ];
  }

  #decodeExperts(layer: LayerSpec): OperationCall[] {
    const { workspace: w, shape } = this.#in;
    const layout = this.#layoutOf(layer);
    const weights = this.#in.slabOf(layer.index);
    const routesOffset = RECORD_HEADER_WORDS + layer.index * shape.topK * ROUTE_WORDS;
    const slotWords = wordsOf(this.#in.slotBytes);
    return [
      this.#route(layer, this.#trunkOf(layer), w.record, routesOffset, true),
      {
        operation: 'expert-gate-up',
        buffers: { weights, input: w.normed, routes: w.record, output: w.activated },
        params: {
          column_count: layout.gate.columnCount,
          row_count: layout.gate.rowCount,
          slot_words: slotWords,
          gate_base: wordsOf(layout.gate.offsetBytes),
          up_base: wordsOf(layout.up.offsetBytes),
          routes_offset: routesOffset,
          output_stride: shape.expertStride,
        },
        constants: {
          ...this.#rowConstants(layout.gate.columnCount),
          TOP_K: shape.topK,
          GATE_CODEC: codecOf(layout.gate),
          UP_CODEC: codecOf(layout.up),
        },
      },
      {
        operation: 'expert-down',
        buffers: { weights, input: w.activated, routes: w.record, output: w.hidden },
        params: {
          column_count: layout.down.columnCount,
          row_count: layout.down.rowCount,
          slot_words: slotWords,
          down_base: wordsOf(layout.down.offsetBytes),
          routes_offset: routesOffset,
          input_stride: shape.expertStride,
        },
        constants: { ...this.#rowConstants(layout.down.columnCount), TOP_K: shape.topK, CODEC: codecOf(layout.down) },
      },
    ];
  }

  #route(layer: LayerSpec, trunk: LayerTrunk, routes: DeviceBuffer, routesOffset: number, halts: boolean): OperationCall {
    const { workspace: w, shape, spec, slotTable } = this.#in;
    const { router, expertCount } = layer.moe;
    return {
      operation: 'route',
      buffers: { input: w.hidden, gain: trunk.ffnGain, router: trunk.router, slot_table: slotTable, normed: w.normed, routes },
      params: {
        column_count: spec.hiddenSize,
        stride: shape.hiddenStride,
        expert_count: expertCount,
        layer: layer.index,
        slot_table_offset: layer.index * shape.expertCount,
        routes_offset: routesOffset,
        norm_eps: spec.normEpsilon,
        weight_scale: router.scale,
      },
      constants: { TOP_K: router.select.topK, RENORMALISE: router.weigh === 'renormalise' ? 1 : 0, HALTS: halts ? 1 : 0 },
    };
  }

  #ropeCache(layer: LayerSpec, trunk: LayerTrunk): OperationCall {
    const { workspace: w, shape, spec } = this.#in;
    const { headCount, kvHeadCount, headSize, rope } = spec.attention;
    return {
      operation: 'rope-cache',
      buffers: {
        qkv: w.qkv,
        head_gain: trunk.headGain ?? trunk.attentionGain,
        rope_table: w.ropeTable,
        query: w.query,
        key_cache: defined(w.keyCaches[layer.index]),
        value_cache: defined(w.valueCaches[layer.index]),
      },
      params: {
        head_count: headCount,
        kv_head_count: kvHeadCount,
        head_size: headSize,
        rotary_size: rope.rotaryDimensions,
        input_stride: shape.queryRows + 2 * shape.kvRows,
        query_stride: shape.queryStride,
        norm_eps: spec.normEpsilon,
      },
      constants: { HAS_HEAD_NORM: trunk.headGain ? 1 : 0 },
    };
  }

  #attention(layer: LayerSpec): OperationCall {
    const { workspace: w, shape, spec } = this.#in;
    const { headCount, kvHeadCount, headSize } = spec.attention;
    return {
      operation: 'attention',
      buffers: { query: w.query, key_cache: defined(w.keyCaches[layer.index]), value_cache: defined(w.valueCaches[layer.index]), output: w.attended },
      params: { head_count: headCount, kv_head_count: kvHeadCount, head_size: headSize, stride: shape.queryStride, scale: 1 / Math.sqrt(headSize) },
    };
  }

  #matVec(
    weights: DeviceBuffer,
    matrices: readonly PackedMatrix[],
    io: {
      readonly input: DeviceBuffer;
      readonly inputStride: number;
      readonly gain?: DeviceBuffer;
      readonly output: DeviceBuffer;
      readonly outputOffset?: number;
      readonly epsilon?: number;
      readonly addResidual?: boolean;
    },
  ): OperationCall {
    const { params, constants } = stacked(matrices);
    return {
      operation: 'mat-vec',
      buffers: { weights, input: io.input, gain: io.gain ?? io.input, output: io.output },
      params: { ...params, input_stride: io.inputStride, output_offset: io.outputOffset ?? 0, norm_eps: io.epsilon ?? 0 },
      constants: {
        ...constants,
        ...this.#rowConstants(defined(matrices[0]).columnCount),
        HAS_NORM: io.gain ? 1 : 0,
        ADD_RESIDUAL: io.addResidual ? 1 : 0,
      },
    };
  }

  #matMul(
    weights: DeviceBuffer,
    matrices: readonly PackedMatrix[],
    input: DeviceBuffer,
    inputStride: number,
    output: DeviceBuffer,
    outputStride: number,
    addResidual: boolean,
  ): OperationCall {
    const { params, constants } = stacked(matrices);
    return {
      operation: 'mat-mul',
      buffers: { weights, input, output },
      params: { ...params, input_stride: inputStride, output_stride: outputStride },
      constants: { ...constants, ADD_RESIDUAL: addResidual ? 1 : 0 },
    };
  }

  #rowConstants(columnCount: number): Record<string, number> {
    return { WG_SIZE: MAT_VEC_WORKGROUP, LANES: lanesOf(columnCount), ROW_STEPS: this.#rowSteps };
  }

  #trunkOf(layer: LayerSpec): LayerTrunk {
    return defined(this.#in.trunk.layers[layer.index], `trunk of layer ${layer.index}`);
  }

  #layoutOf(layer: LayerSpec): ExpertLayout {
    return defined(this.#in.layouts[layer.index], `expert layout of layer ${layer.index}`);
  }
}
