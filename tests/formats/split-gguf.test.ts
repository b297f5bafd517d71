// A model in parts reads as the model in one file: the same tensors with the same bytes, the same metadata.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../src/core/errors';
import { readGguf } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';
import type { Source } from '../../src/formats/source';
import { joinParts, openWithParts } from '../../src/formats/split-gguf';
import { specFromGguf } from '../../src/model/from-gguf';
import { xxHash32 as hashOf } from '../../src/storage/checksum';
import { expectEngineError } from '../support/expect-engine-error';
import { tinyQwen3MoeFile, u32, writeGguf } from '../support/gguf-writer';
import { partName, splitFile } from '../support/split-file';

const FILE = tinyQwen3MoeFile({ layers: 3 });
const WHOLE = new MemorySource(writeGguf(FILE), 'whole');
const COUNT = 3;
const PARTS = splitFile(FILE, COUNT, 2);
const nameOf = (index: number): string => partName('https://example.org/a/model', index, COUNT);
const sources = (order: readonly number[]): Source[] => order.map((index) => new MemorySource(PARTS[index]!, nameOf(index)));

/** A place with some files, which counts what is closed. */
function folder(files: ReadonlyMap<string, Uint8Array>): { open: (name: string) => Promise<Source>; state: { opened: number; closed: number } } {
  const state = { opened: 0, closed: 0 };
  const open = async (name: string): Promise<Source> => {
    const bytes = files.get(name);
    if (!bytes) throw new EngineError('source-not-found', `There is no ${name}.`, '');
    state.opened++;
    const source = new MemorySource(bytes, name);
    const { identity, sizeBytes } = source;
    return { name, identity, sizeBytes, read: (...range) => source.read(...range), close: async () => void state.closed++ };
  };
  return { open, state };
}
const published = new Map(PARTS.map((bytes, index) => [nameOf(index), bytes]));

async function expectWhole(joined: Source): Promise<void> {
  const [expected, actual] = [await readGguf(WHOLE), await readGguf(joined)];
  expect([...actual.tensors.keys()]).toEqual([...expected.tensors.keys()]);
  for (const tensor of actual.tensors.values()) {
    const other = expected.tensors.get(tensor.name)!;
    expect(tensor).toEqual({ ...other, offsetBytes: tensor.offsetBytes });
    expect(hashOf(await joined.read(tensor.offsetBytes, tensor.sizeBytes)), tensor.name).toBe(hashOf(await WHOLE.read(other.offsetBytes, other.sizeBytes)));
  }
  const metadata = [...actual.metadata.entries()].filter(([key]) => !key.startsWith('split.'));
  expect(metadata).toEqual([...expected.metadata.entries()]);
  expect(specFromGguf(actual).layers).toHaveLength(3);
}

describe('joined', () => {
  it.each([[[0, 1, 2]], [[2, 0, 1]]])('in the order %j it is the whole', async (order) => expectWhole(await joinParts(sources(order))));

  it('without a tensor in the first part it is the whole', async () =>
    expectWhole(await joinParts(splitFile(FILE, 4, 0).map((bytes) => new MemorySource(bytes)))));

  it('reads over the borders of parts', async () => {
    const joined = await joinParts(sources([0, 1, 2]));
    const bytes = await joined.read(0, joined.sizeBytes);
    for (let offset = 0; offset + 5000 < joined.sizeBytes; offset += 1777) {
      expect(hashOf(await joined.read(offset, 5000))).toBe(hashOf(bytes.subarray(offset, offset + 5000)));
    }
    await expectEngineError(() => joined.read(joined.sizeBytes - 1, 2), 'file-truncated');
    await expectWhole(new MemorySource(bytes));
  });

  it('has an identity of all parts', async () => {
    const other = splitFile(tinyQwen3MoeFile({ layers: 3, seed: 2 }), COUNT, 2);
    const [a, b] = [await joinParts(sources([0, 1, 2])), await joinParts([...sources([0, 1]), new MemorySource(other[2]!, nameOf(2))])];
    expect(a.identity).not.toBe(b.identity);
  });
});

describe('opened by the name of a part', () => {
  it.each([0, 1, 2])('number %i, it is the whole, and is closed whole', async (index) => {
    const { open, state } = folder(published);
    const joined = await openWithParts(nameOf(index), open);
    await expectWhole(joined);
    await joined.close?.();
    expect(state).toEqual({ opened: 3, closed: 3 });
  });

  it('with a query behind it', async () => {
    const { open } = folder(new Map([...published].map(([name, bytes]) => [`${name}?download=true`, bytes])));
    await expectWhole(await openWithParts(`${nameOf(0)}?download=true`, open));
  });

  it.each(['model.gguf', nameOf(0), partName('a', 0, 1)])('a whole file named %s stays as it is', async (name) => {
    const { open, state } = folder(new Map([[name, writeGguf(FILE)]]));
    await expectWhole(await openWithParts(name, open));
    expect(state).toEqual({ opened: 1, closed: 0 });
  });

  it('tells which part is missing, and closes the others', async () => {
    const { open, state } = folder(new Map([...published].filter(([name]) => name !== nameOf(1))));
    await expectEngineError(() => openWithParts(nameOf(0), open), 'source-not-found', /Part 2 of 3.*model-00002-of-00003/);
    expect(state).toEqual({ opened: 2, closed: 2 });
  });
});

describe('refused', () => {
  const another = splitFile(FILE, 4, 2).map((bytes, index) => new MemorySource(bytes, `other ${index}`));
  it.each<[string, Source[], ConstructorParameters<typeof EngineError>[0], string | RegExp]>([
    ['a part that is missing', sources([0, 2]), 'source-not-found', 'Part 2 of 3'],
    ['a part that is there twice', sources([0, 1, 1]), 'file-corrupt', 'part 2'],
    ['a part of another model', [...sources([0, 1]), another[2]!], 'file-corrupt', /other 2.*3 parts|other 2.*4 parts/],
    ['a whole model beside a part', [...sources([0, 1]), WHOLE], 'invalid-argument', 'whole'],
    ['two whole models', [WHOLE, WHOLE], 'invalid-argument', '2 files'],
  ])('%s', async (_what, parts, code, message) => expectEngineError(() => joinParts(parts), code, message));

  it('parts with too few tensors together', async () => {
    const [first, second] = splitFile(FILE, 2, 2);
    const less = writeGguf({
      metadata: [
        ['split.no', u32(1)],
        ['split.count', u32(2)],
        ['split.tensors.count', u32(1)],
      ],
      tensors: FILE.tensors.slice(5),
    });
    expect(less.byteLength).toBeLessThan(second!.byteLength);
    await expectEngineError(() => joinParts([first!, less].map((bytes) => new MemorySource(bytes))), 'file-corrupt', 'tensors');
  });

  it('the same tensor in two parts', async () => {
    const doubled = { ...FILE, tensors: [...FILE.tensors, FILE.tensors[0]!] };
    const joined = await joinParts(splitFile(doubled, 2, 5).map((bytes) => new MemorySource(bytes)));
    await expectEngineError(() => readGguf(joined), 'file-corrupt', 'two tensors are named');
  });

  it('a part by itself', () => expectEngineError(() => readGguf(sources([1])[0]!), 'invalid-argument', 'part 2 of 3'));
});
