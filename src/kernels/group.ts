import type { Kernel } from '../core/kernel';

/** Counting sort of a batch's (token, k) pairs by expert. */
export const group: Kernel = {
  name: 'group',
  libraries: ['control'],
  params: [
    ['expert_count', 'u32'],
    ['routes_offset', 'u32'],
  ],
  bindings: [
    { name: 'routes', access: 'read' },
    { name: 'groups', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, TOP_K: 4 },
  grid: () => [1, 1, 1],
};
