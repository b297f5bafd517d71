import type { Kernel } from '../core/kernel';

/** RMSNorm of every token of the batch, or a copy. */
export const norm: Kernel = {
  name: 'norm',
  libraries: ['control', 'reduce'],
  params: [
    ['column_count', 'u32'],
    ['stride', 'u32'],
    ['norm_eps', 'f32'],
  ],
  bindings: [
    { name: 'input', access: 'read' },
    { name: 'gain', access: 'read', optional: true },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, HAS_BIAS: 0, IS_COPY: 0 },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
