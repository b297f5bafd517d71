import type { Kernel } from '../core/kernel';
import { divideCeil } from '../core/units';

/** Gate and up products and the activation for the k experts of one token. */
export const expertGateUp: Kernel = {
  name: 'expert-gate-up',
  libraries: ['control', 'weights', 'reduce-quads', 'rows', 'activation'],
  codecs: ['GATE_CODEC', 'UP_CODEC'],
  params: [
    ['column_count', 'u32'],
    ['row_count', 'u32'],
    ['slot_words', 'u32'],
    ['gate_base', 'u32'],
    ['up_base', 'u32'],
    ['routes_offset', 'u32'],
    ['output_stride', 'u32'],
    ['gate_bias', 'u32', 0],
    ['up_bias', 'u32', 0],
  ],
  bindings: [
    { name: 'weights', access: 'read' },
    { name: 'input', access: 'read' },
    { name: 'routes', access: 'read' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, LANES: 8, ROW_STEPS: 1, TOP_K: 4, GATE_CODEC: 0, UP_CODEC: 0, ACTIVATION: 0, HAS_BIAS: 0 },
  grid: (params, constants) => [
    divideCeil(params['row_count']!, 2 * (constants['WG_SIZE']! / constants['LANES']!) * constants['ROW_STEPS']!),
    constants['TOP_K']!,
    1,
  ],
};
