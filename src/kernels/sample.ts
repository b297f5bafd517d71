import type { Kernel } from '../core/kernel';

/** Draws the next token and moves the control block to the next step. */
export const sample: Kernel = {
  name: 'sample',
  writesControl: true,
  libraries: ['control', 'random'],
  params: [['vocabulary_size', 'u32']],
  bindings: [
    { name: 'sampling', access: 'read' },
    { name: 'logits', access: 'read' },
    { name: 'seen', access: 'read_write' },
    { name: 'tokens', access: 'read_write' },
    { name: 'record', access: 'read_write' },
    { name: 'candidates', access: 'read_write' }, // scratch, which the reference does without
  ],
  constants: { WG_SIZE: 256 },
  grid: () => [1, 1, 1],
};
