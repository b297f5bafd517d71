import type { Kernel } from '../core/kernel';

/** RMSNorm of every token of the batch. */
export const rmsNorm: Kernel = {
  name: 'rms-norm',
  libraries: ['control', 'reduce'],
  params: [
    ['column_count', 'u32'],
    ['stride', 'u32'],
    ['norm_eps', 'f32'],
  ],
  bindings: [
    { name: 'input', access: 'read' },
    { name: 'gain', access: 'read' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64 },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
