import type { Kernel } from '../core/kernel';

/** Causal grouped-query attention over the cache. */
export const attention: Kernel = {
  name: 'attention',
  libraries: ['control', 'reduce'],
  params: [
    ['head_count', 'u32'],
    ['kv_head_count', 'u32'],
    ['head_size', 'u32'],
    ['stride', 'u32'],
    ['scale', 'f32'],
    ['value_size', 'u32'],
    ['output_stride', 'u32'],
    ['window', 'u32', 0],
  ],
  bindings: [
    { name: 'query', access: 'read' },
    { name: 'key_cache', access: 'read' },
    { name: 'value_cache', access: 'read' },
    { name: 'sinks', access: 'read', optional: true },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, HAS_SINKS: 0 },
  grid: (params, _constants, size) => [params['head_count']!, size.tokenCount, 1],
};
