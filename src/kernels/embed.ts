import type { Kernel } from '../core/kernel';

/** Token ids → rows of the embedding matrix, for the rows of one shard. */
export const embed: Kernel = {
  name: 'embed',
  libraries: ['control', 'weights'],
  codecs: ['CODEC'],
  params: [
    ['column_count', 'u32'],
    ['output_stride', 'u32'],
    ['first_row', 'u32'],
    ['row_count', 'u32'],
    ['base', 'u32'],
    ['output_scale', 'f32', 1],
  ],
  bindings: [
    { name: 'weights', access: 'read' },
    { name: 'tokens', access: 'read' },
    { name: 'output', access: 'read_write' },
  ],
  constants: { WG_SIZE: 64, CODEC: 0 },
  grid: (_params, _constants, size) => [size.tokenCount, 1, 1],
};
