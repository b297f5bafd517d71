import type { Kernel } from '../core/kernel';

/** Weighted sum of the experts' results of every token, added to the residual stream. */
export const combine: Kernel = {
  name: 'combine',
  libraries: ['control'],
  params: [
    ['row_count', 'u32'],
    ['routes_offset', 'u32'],
    ['input_stride', 'u32'],
    ['output_stride', 'u32'],
    ['output_scale', 'f32', 1],
  ],
  bindings: [
    { name: 'input', access: 'read' },
    { name: 'routes', access: 'read' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, TOP_K: 4 },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
