import type { Kernel } from '../core/kernel';
import { divideCeil } from '../core/units';

/** Gate and up products and the activation for every pair of the active experts. */
export const groupedGateUp: Kernel = {
  name: 'grouped-gate-up',
  libraries: ['control', 'weights', 'activation'],
  codecs: ['GATE_CODEC', 'UP_CODEC'],
  params: [
    ['column_count', 'u32'],
    ['row_count', 'u32'],
    ['expert_count', 'u32'],
    ['slot_words', 'u32'],
    ['gate_base', 'u32'],
    ['up_base', 'u32'],
    ['table_offset', 'u32'],
    ['input_stride', 'u32'],
    ['output_stride', 'u32'],
    ['gate_bias', 'u32', 0],
    ['up_bias', 'u32', 0],
  ],
  bindings: [
    { name: 'weights', access: 'read' },
    { name: 'input', access: 'read' },
    { name: 'groups', access: 'read' },
    { name: 'slot_table', access: 'read' },
    { name: 'active_experts', access: 'read' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { TOP_K: 4, GATE_CODEC: 0, UP_CODEC: 0, ACTIVATION: 0, HAS_BIAS: 0 },
  grid: (params) => [divideCeil(params['row_count']!, 32), params['expert_count']!, 1],
};
