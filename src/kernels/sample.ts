import type { Kernel } from '../core/kernel';

/** Draws the next token and moves the control block to the next step. */
export const sample: Kernel = {
  name: 'sample',
  writesControl: true,
  libraries: ['control', 'reduce', 'random'],
  params: [['vocabulary_size', 'u32']],
  bindings: [
    { name: 'sampling', access: 'read' },
    { name: 'logits', access: 'read' },
    { name: 'seen', access: 'read_write' },
    { name: 'tokens', access: 'read_write' },
    { name: 'record', access: 'read_write' },
  ],
  constants: { WG_SIZE: 256 },
  grid: () => [1, 1, 1],
};
