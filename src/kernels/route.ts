import type { Kernel } from '../core/kernel';

/** RMSNorm, router, selection, weights, slot look-up, and in decode the halt. */
export const route: Kernel = {
  name: 'route',
  writesControl: true,
  libraries: ['control', 'reduce', 'activation'],
  params: [
    ['column_count', 'u32'],
    ['stride', 'u32'],
    ['expert_count', 'u32'],
    ['layer', 'u32'],
    ['slot_table_offset', 'u32'],
    ['routes_offset', 'u32'],
    ['norm_eps', 'f32'],
    ['weight_scale', 'f32'],
    ['minimum_sum', 'f32', 0],
    ['group_count', 'u32', 1],
    ['group_keep', 'u32', 1],
  ],
  bindings: [
    { name: 'input', access: 'read' },
    { name: 'gain', access: 'read', optional: true },
    { name: 'router', access: 'read' },
    { name: 'score_input', access: 'read', optional: true },
    { name: 'slot_table', access: 'read' },
    { name: 'normed', access: 'read_write' },
    { name: 'routes', access: 'read_write' },
  ],
  constants: {
    WG_SIZE: 256,
    LANES: 16,
    TOP_K: 4,
    RENORMALISE: 1,
    HALTS: 0,
    NORM: 1,
    ACTIVATE: 0,
    HAS_SCORE_INPUT: 0,
    HAS_ROUTER_BIAS: 0,
    HAS_SELECTION_BIAS: 0,
    GROUP_TOP: 0,
  },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
