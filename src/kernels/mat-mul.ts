import type { Kernel } from '../core/kernel';
import { divideCeil } from '../core/units';

/** Up to three stacked matrices times every token of the batch, with residual after where asked. */
export const matMul: Kernel = {
  name: 'mat-mul',
  libraries: ['control', 'weights'],
  codecs: ['CODEC_0', 'CODEC_1', 'CODEC_2'],
  params: [
    ['column_count', 'u32'],
    ['input_stride', 'u32'],
    ['row_count', 'u32'],
    ['row_end_0', 'u32'],
    ['row_end_1', 'u32'],
    ['base_0', 'u32'],
    ['base_1', 'u32'],
    ['base_2', 'u32'],
    ['output_stride', 'u32'],
    ['output_scale', 'f32', 1],
  ],
  bindings: [
    { name: 'weights', access: 'read' },
    { name: 'input', access: 'read' },
    { name: 'bias', access: 'read', optional: true },
    { name: 'output', access: 'read_write' },
  ],
  constants: { ADD_RESIDUAL: 0, HAS_BIAS: 0, CODEC_0: 0, CODEC_1: 0, CODEC_2: 0 },
  grid: (params, _constants, size) => [divideCeil(params['row_count']!, 32), divideCeil(size.tokenCount, 16), 1],
};
