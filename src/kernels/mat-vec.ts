import { type Kernel, linearGrid } from '../core/kernel';
import { divideCeil } from '../core/units';

/** Up to three stacked matrices times the last token of the batch, with RMSNorm before and residual after where asked. */
export const matVec: Kernel = {
  name: 'mat-vec',
  libraries: ['control', 'weights', 'reduce', 'reduce-quads', 'rows'],
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
    ['output_offset', 'u32', 0],
    ['norm_eps', 'f32', 0],
    ['output_scale', 'f32', 1],
  ],
  bindings: [
    { name: 'weights', access: 'read' },
    { name: 'input', access: 'read' },
    { name: 'gain', access: 'read', optional: true },
    { name: 'bias', access: 'read', optional: true },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, LANES: 8, ROW_STEPS: 1, HAS_NORM: 0, ADD_RESIDUAL: 0, HAS_BIAS: 0, CODEC_0: 0, CODEC_1: 0, CODEC_2: 0 },
  grid: (params, constants) => linearGrid(divideCeil(params['row_count']!, 4 * (constants['WG_SIZE']! / constants['LANES']!) * constants['ROW_STEPS']!)),
};
