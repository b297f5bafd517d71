// What a file holds and needs: the demo model to the byte, and the architectures, where every tensor must find its class.

import { describe, expect, test } from 'vitest';
import { describeLayers, layerRanges } from '../../src/core/model-description';
import { describeModel } from '../../src/engine/describe-model';
import { TrunkLoader } from '../../src/engine/trunk';
import { trunkDeviceBytes } from '../../src/engine/trunk-bytes';
import { readGguf } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';
import { specFromGguf } from '../../src/model/from-gguf';
import { goldenOf } from '../support/architectures/golden';
import { ARCHITECTURE_CASES, caseBytes } from '../support/architectures/index';
import demoDescription from '../golden/demo-description.json';
import { demoSource } from '../support/demo-model';
import { cpuBackend } from '../support/engine-backends';

const file = await readGguf(await demoSource());
const spec = specFromGguf(file);
const description = describeModel(file, spec, { contextLength: 1024 });
const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

/** 32 weights in 34 bytes. */
const q8 = (rows: number, columns: number) => (rows * columns * 34) / 32;
const f32 = (count: number) => count * 4;
const LAYERS = 6;

describe('the demo model', () => {
  test('has its bytes by class, and they are all of its tensors', () => {
    expect(description.bytesByClass).toEqual({
      embedding: q8(4096, 256),
      // Queries of 4 heads and keys and values of 2, 64 wide; the output; a norm for the queries and one for the keys of a head.
      attention: LAYERS * (q8(256 + 128 + 128, 256) + q8(256, 256) + f32(2 * 64)),
      norms: LAYERS * f32(2 * 256) + f32(256),
      routers: LAYERS * f32(32 * 256),
      denseFfn: 0,
      experts: LAYERS * 32 * 3 * q8(128, 256),
      outputHead: 0,
      unused: 0,
    });
    const all = total([...file.tensors.values()].map(({ sizeBytes }) => sizeBytes));
    expect(total(Object.values(description.bytesByClass))).toBe(all);
    expect(total(Object.values(description.bytesByType).map(({ bytes }) => bytes))).toBe(all);
    expect(total(Object.values(description.bytesByType).map(({ count }) => count))).toBe(file.tensors.size);
  });

  test('has experts, one router for all layers, and its own tokenizer and template', () => {
    expect(description.experts).toEqual({ layers: 6, perLayer: 32, perToken: 4, bytesPerExpert: 104_448, totalBytes: 192 * 104_448 });
    expect(description.routers).toEqual([
      { layers: [0, 1, 2, 3, 4, 5], router: { ...spec.layers.flatMap(({ ffn }) => (ffn.kind === 'moe' ? ffn.router : []))[0] } },
    ]);
    expect(description.tokenizer).toMatchObject({ model: 'gpt2', vocabularySize: 4096 });
    expect(description.tokenizer.stopTokens).toContainEqual({ id: 4094, text: '<|im_end|>' });
    expect(description.template?.text).toContain('<|im_start|>');
    expect(description.template?.text.length).toBe(description.template?.length);
  });

  test('needs at each budget its slots, the trunk, and f32 keys and values', () => {
    const { budgets } = description.needs;
    expect(budgets.map(({ percent, slotCount }) => [percent, slotCount])).toEqual([
      ...[[5, 9], [10, 19], [25, 48], [50, 96], [75, 144], [100, 192]], // prettier-ignore
    ]);
    // One token uses 4 experts in each of 6 layers.
    expect(budgets.map(({ holdsTokenCycle }) => holdsTokenCycle)).toEqual([false, false, true, true, true, true]);
    for (const { slotCount, slotBytes, trunkBytes, cacheBytes, totalBytes } of budgets) {
      expect(slotBytes).toBe(slotCount * 104_448);
      expect(cacheBytes).toBe(1024 * LAYERS * 2 * 128 * 4);
      expect(totalBytes).toBe(slotBytes + trunkBytes + cacheBytes);
    }
  });

  test('needs more slots where an adapter binds little: each slab has what one layer needs', () => {
    const narrow = describeModel(file, spec, { contextLength: 64, maxSlabBytes: 32 * 104_448 });
    expect(narrow.needs.budgets[0]).toMatchObject({ percent: 5, slotCount: 6 * 4, holdsTokenCycle: true });
    expect(() => describeModel(file, spec, { contextLength: 64, maxSlabBytes: 104_448 })).toThrow(/binds at most/);
  });

  test('is what the recorded description says', () => {
    expect(JSON.parse(JSON.stringify(description))).toEqual(demoDescription);
  });
});

test.each(ARCHITECTURE_CASES.map((one) => [one.name, one] as const))(
  '%s: every tensor has its class, and the trunk takes what was foretold',
  async (name, one) => {
    const source = new MemorySource(caseBytes(one, goldenOf(name).seed), name);
    const oneFile = await readGguf(source);
    const oneSpec = specFromGguf(oneFile);
    const { bytesByClass, experts, layers } = describeModel(oneFile, oneSpec, { contextLength: 64 });
    // Layers behind the last one, for speculative decoding, and divisors of RoPE angles for a context of another length.
    const isUnused = (tensor: string) =>
      Number(/^blk\.(\d+)\./.exec(tensor)?.[1]) >= layers.length || (tensor.startsWith('rope_factors') && tensor !== oneSpec.rope.factors?.name);
    const unused = [...oneFile.tensors.values()].filter((tensor) => isUnused(tensor.name));
    expect(bytesByClass.unused).toBe(total(unused.map(({ sizeBytes }) => sizeBytes)));
    expect(total(Object.values(bytesByClass))).toBe(total([...oneFile.tensors.values()].map(({ sizeBytes }) => sizeBytes)));
    expect(total(layers.map(({ expertCount }) => expertCount)) * experts.bytesPerExpert).toBe(experts.totalBytes);
    const backend = (await cpuBackend())!;
    const trunk = await new TrunkLoader(backend, source, () => {}).load(oneSpec);
    expect(trunkDeviceBytes(oneSpec)).toBe(trunk.sizeBytes);
    await backend.dispose();
  },
);

test('layers are told in runs', () => {
  const layer = { mixer: 'attention', window: 0, ffn: 'moe', expertCount: 8, expertsPerToken: 2 } as const;
  const first = { ...layer, index: 0, ffn: 'dense', expertCount: 0, expertsPerToken: 0 } as const;
  const convolution = { index: 3, mixer: 'short-convolution', ffn: 'dense', expertCount: 0, expertsPerToken: 0 } as const;
  expect(describeLayers([first, { ...layer, index: 1 }, { ...layer, index: 2, window: 128 }, convolution, { ...layer, index: 4 }])).toBe(
    '0 attention, dense; 1, 4 attention, 2 of 8 experts; 2 attention over 128 tokens, 2 of 8 experts; 3 short convolution, dense',
  );
  expect(layerRanges([0, 1, 2, 5, 7, 8])).toBe('0–2, 5, 7–8');
});
