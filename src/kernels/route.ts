import type { Kernel } from '../core/kernel';

/** RMSNorm, router, selection, weights, slot look-up, and in decode the halt. */
export const route: Kernel = {
  name: 'route',
  writesControl: true,
  libraries: ['control', 'reduce'],
  params: [
    ['column_count', 'u32'],
    ['stride', 'u32'],
    ['expert_count', 'u32'],
    ['layer', 'u32'],
    ['slot_table_offset', 'u32'],
    ['routes_offset', 'u32'],
    ['norm_eps', 'f32'],
    ['weight_scale', 'f32'],
  ],
  bindings: [
    { name: 'input', access: 'read' },
    { name: 'gain', access: 'read' },
    { name: 'router', access: 'read' },
    { name: 'slot_table', access: 'read' },
    { name: 'normed', access: 'read_write' },
    { name: 'routes', access: 'read_write' },
  ],
  constants: { WG_SIZE: 256, LANES: 16, TOP_K: 4, RENORMALISE: 1, HALTS: 0 },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
