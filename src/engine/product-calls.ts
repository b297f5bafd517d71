// Calls of norms and matrix products, for the last token of a batch (decode) or for all of its tokens (prefill).

import { defined } from '../core/assert';
import type { DeviceBuffer, OperationCall } from '../core/backend';
import { CODEC_IDS, blocksPerRow } from '../core/packed-weights';
import { powerOfTwoAtLeast } from '../core/units';
import type { NormTrunk, Product } from './trunk';

/** 'decode': one token, by mat-vec. 'prefill': all tokens of a chunk, by mat-mul. */
export type Mode = 'decode' | 'prefill';

export interface Rows {
  readonly buffer: DeviceBuffer;
  /** Floats from one token to the next. */
  readonly stride: number;
}

export interface ProductOutput extends Rows {
  readonly offset?: number;
  readonly scale?: number;
  /** The product is added to what is there. */
  readonly addsResidual?: boolean;
}

export interface NormInput {
  readonly trunk: NormTrunk;
  readonly epsilon: number;
  /** Where the normed input goes when the norm is a call of its own. */
  readonly scratch: DeviceBuffer;
}

const MAT_VEC_WORKGROUP = 64;
const MAX_LANES = 32;

/** Rows that an invocation sums side by side: of mat-vec and expert-down, and of either matrix of expert-gate-up. See the shaders. */
const ROWS_AT_ONCE = 4;
export const GATE_UP_ROWS_AT_ONCE = 2;
/** Rows of a workgroup's invocation on software adapters, where workgroups are dear; it changes no arithmetic. */
const SOFTWARE_ROWS = 16;

/** Bytes → 16-byte words, as matrices are addressed. */
export const wordsOf = (bytes: number) => bytes / 16;

export class ProductCalls {
  readonly #rows: number;

  constructor(isSoftware: boolean) {
    this.#rows = isSoftware ? SOFTWARE_ROWS : ROWS_AT_ONCE;
  }

  norm(
    { gain, hasBias }: NormTrunk,
    epsilon: number,
    input: DeviceBuffer,
    output: DeviceBuffer,
    columns: { columnCount: number; stride: number },
  ): OperationCall {
    const params = { column_count: columns.columnCount, stride: columns.stride, norm_eps: epsilon };
    return { operation: 'norm', buffers: { input, gain, output }, params, constants: { HAS_BIAS: hasBias ? 1 : 0 } };
  }

  product(mode: Mode, product: Product, input: Rows, output: ProductOutput): OperationCall {
    return mode === 'decode' ? this.#matVec(product, input, output) : this.#matMul(product, input, output);
  }

  /** Norm and product: one call where mat-vec can do both, else two. */
  normed(mode: Mode, norm: NormInput, product: Product, input: Rows, output: ProductOutput): OperationCall[] {
    if (mode === 'decode' && !norm.trunk.hasBias) return [this.#matVec(product, input, output, norm)];
    const { columnCount } = defined(product.matrices[0]);
    return [
      this.norm(norm.trunk, norm.epsilon, input.buffer, norm.scratch, { columnCount, stride: input.stride }),
      this.product(mode, product, { buffer: norm.scratch, stride: input.stride }, output),
    ];
  }

  /** How a workgroup of mat-vec and of the decode experts is spread over rows of so many columns. */
  rowConstants(columnCount: number, rowsAtOnce = ROWS_AT_ONCE): Record<string, number> {
    const lanes = Math.min(MAX_LANES, powerOfTwoAtLeast(blocksPerRow(columnCount)));
    return { WG_SIZE: MAT_VEC_WORKGROUP, LANES: lanes, ROW_STEPS: this.#rows / rowsAtOnce };
  }

  #matVec(product: Product, input: Rows, output: ProductOutput, norm?: NormInput): OperationCall {
    const { params, constants } = stacked(product);
    return {
      operation: 'mat-vec',
      buffers: {
        weights: product.buffer,
        input: input.buffer,
        ...(norm ? { gain: norm.trunk.gain } : {}),
        ...(product.bias ? { bias: product.bias } : {}),
        output: output.buffer,
      },
      params: {
        ...params,
        input_stride: input.stride,
        output_offset: output.offset ?? 0,
        output_scale: output.scale ?? 1,
        ...(norm ? { norm_eps: norm.epsilon } : {}),
      },
      constants: {
        ...constants,
        ...this.rowConstants(params['column_count']!),
        HAS_NORM: norm ? 1 : 0,
        ADD_RESIDUAL: output.addsResidual ? 1 : 0,
      },
    };
  }

  #matMul(product: Product, input: Rows, output: ProductOutput): OperationCall {
    const { params, constants } = stacked(product);
    return {
      operation: 'mat-mul',
      buffers: { weights: product.buffer, input: input.buffer, ...(product.bias ? { bias: product.bias } : {}), output: output.buffer },
      params: { ...params, input_stride: input.stride, output_stride: output.stride, output_scale: output.scale ?? 1 },
      constants: { ...constants, ADD_RESIDUAL: output.addsResidual ? 1 : 0 },
    };
  }
}

/** The row arithmetic that mat-vec and mat-mul share: up to three matrices of one buffer, stacked. */
function stacked({ matrices, bias }: Product): { params: Record<string, number>; constants: Record<string, number> } {
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
    constants: { CODEC_0: CODEC_IDS[first.codec], CODEC_1: CODEC_IDS[at(1).codec], CODEC_2: CODEC_IDS[at(2).codec], HAS_BIAS: bias ? 1 : 0 },
  };
}
