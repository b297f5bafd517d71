// What a file means: layers, shapes and numbers of the demo model, and files that contradict themselves.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';
import { specFromGguf } from '../../src/model/from-gguf';
import { moeLayers } from '../../src/model/spec';

describe('specFromGguf on the demo model', () => {
  it('gives the numbers of its model card', async () => {
    const spec = specFromGguf(await readGguf(new MemorySource(readFileSync('public/models/demo-q8_0.gguf'), 'demo')));
    expect(spec).toMatchObject({
      architecture: 'qwen3moe',
      hiddenSize: 256,
      vocabularySize: 4096,
      contextLength: 1024,
      rope: { pairing: 'half-split', base: 10_000, dimensions: 64 },
      parameterCount: 21_155_840,
    });
    expect(spec.normEpsilon).toBeCloseTo(1e-6, 12);
    expect(spec.layers).toHaveLength(6);
    expect(spec.outputHead.weight).toBe(spec.embedding);
    const { ffn, mixer } = moeLayers(spec)[5]!;
    expect(mixer).toMatchObject({ kind: 'attention', headCount: 4, kvHeadCount: 2, headSize: 64, headNorm: { scope: 'head' }, hasRope: true });
    expect(ffn).toMatchObject({ expertCount: 32, expertHiddenSize: 128, activation: 'silu', router: { weigh: 'renormalise', select: { topK: 4 } } });
    expect(ffn.down).toMatchObject({
      name: 'blk.5.ffn_down_exps.weight',
      rowCount: 256,
      columnCount: 128,
      expertCount: 32,
      bytesPerExpert: (256 * 128 * 34) / 32,
    });
  });
});
