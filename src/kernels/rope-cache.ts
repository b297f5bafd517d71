import type { Kernel } from '../core/kernel';

/** Head norms, rotary embedding, and the write of keys and values to the cache. */
export const ropeCache: Kernel = {
  name: 'rope-cache',
  libraries: ['control', 'reduce'],
  params: [
    ['head_count', 'u32'],
    ['kv_head_count', 'u32'],
    ['head_size', 'u32'],
    ['rotary_size', 'u32'],
    ['input_stride', 'u32'],
    ['query_stride', 'u32'],
    ['norm_eps', 'f32'],
  ],
  bindings: [
    { name: 'qkv', access: 'read' },
    { name: 'head_gain', access: 'read', optional: true },
    { name: 'rope_table', access: 'read' },
    { name: 'query', access: 'read_write' },
    { name: 'key_cache', access: 'read_write' },
    { name: 'value_cache', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, HEAD_NORM: 0, ROPE: 1 },
  grid: (params, _constants, size) => [params['head_count']! + 2 * params['kv_head_count']!, size.tokenCount, 1],
};
