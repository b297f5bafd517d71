import type { Kernel } from '../core/kernel';

/** The gated short convolution that stands in for attention in some layers of LFM2. */
export const shortConvolution: Kernel = {
  name: 'short-convolution',
  libraries: ['control'],
  params: [
    ['column_count', 'u32'],
    ['input_stride', 'u32'],
    ['output_stride', 'u32'],
    ['tap_count', 'u32'],
  ],
  bindings: [
    { name: 'input', access: 'read' },
    { name: 'taps', access: 'read' },
    { name: 'cache', access: 'read_write' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64 },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
