import type { Kernel } from '../core/kernel';
import { divideCeil } from '../core/units';

/** Down products of the k experts of one token, weighted, combined in order and added to the residual stream. */
export const expertDown: Kernel = {
  name: 'expert-down',
  libraries: ['control', 'weights', 'reduce-quads', 'rows'],
  codecs: ['CODEC'],
  params: [
    ['column_count', 'u32'],
    ['row_count', 'u32'],
    ['slot_words', 'u32'],
    ['down_base', 'u32'],
    ['routes_offset', 'u32'],
    ['input_stride', 'u32'],
    ['down_bias', 'u32', 0],
    ['output_scale', 'f32', 1],
  ],
  bindings: [
    { name: 'weights', access: 'read' },
    { name: 'input', access: 'read' },
    { name: 'routes', access: 'read' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, LANES: 4, ROW_STEPS: 1, TOP_K: 4, CODEC: 0, HAS_BIAS: 0 },
  grid: (params, constants) => [divideCeil(params['row_count']!, 4 * (constants['WG_SIZE']! / constants['LANES']!) * constants['ROW_STEPS']!), 1, 1],
};
