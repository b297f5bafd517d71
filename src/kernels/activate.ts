import type { Kernel } from '../core/kernel';

/** The gated activation between the products of a dense FFN or a shared expert. */
export const activate: Kernel = {
  name: 'activate',
  libraries: ['control', 'activation'],
  params: [
    ['row_count', 'u32'],
    ['input_stride', 'u32'],
    ['output_stride', 'u32'],
  ],
  bindings: [
    { name: 'input', access: 'read' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, ACTIVATION: 0, HAS_GATE: 0 },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
