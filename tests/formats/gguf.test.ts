// The reader on a real file.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';

const demo = new MemorySource(readFileSync('public/models/demo-q8_0.gguf'), 'demo-q8_0.gguf');

describe('readGguf on the demo model', () => {
  it('finds its tensors', async () => {
    const file = await readGguf(demo);
    expect(file.version).toBe(3);
    expect(file.alignmentBytes).toBe(32);
    expect(file.tensors.size).toBe(74);
    expect(file.tensors.get('blk.5.ffn_down_exps.weight')).toMatchObject({
      dimensions: [128, 256, 32],
      type: { name: 'q8_0' },
      sizeBytes: (128 * 256 * 32 * 34) / 32,
    });
    const last = [...file.tensors.values()].at(-1);
    expect((last?.offsetBytes ?? 0) + (last?.sizeBytes ?? 0)).toBe(demo.sizeBytes);
  });
});
