import type { Kernel } from '../core/kernel';

/** Heads of multi-head latent attention: rotary embedding and the write of keys and values to the cache. */
export const latentCache: Kernel = {
  name: 'latent-cache',
  libraries: ['control'],
  params: [
    ['head_count', 'u32'],
    ['plain_size', 'u32'],
    ['rotary_size', 'u32'],
    ['value_size', 'u32'],
    ['query_in_stride', 'u32'],
    ['expanded_stride', 'u32'],
    ['rotary_stride', 'u32'],
    ['query_stride', 'u32'],
  ],
  bindings: [
    { name: 'query_in', access: 'read' },
    { name: 'expanded', access: 'read' },
    { name: 'key_rotary', access: 'read' },
    { name: 'rope_table', access: 'read' },
    { name: 'query', access: 'read_write' },
    { name: 'key_cache', access: 'read_write' },
    { name: 'value_cache', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, ROPE: 2 },
  grid: (params, _constants, size) => [params['head_count']!, size.tokenCount, 1],
};
