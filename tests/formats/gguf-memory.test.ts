// What the reader takes for the files that are worst for it: those whose headers list as much as can be listed in a byte. Twice the file, at the most.

import { describe, expect, it } from 'vitest';
import { KiB } from '../../src/core/units';
import { readGguf, type GgufFile } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';
import { heldBytes, measureAllocations } from '../support/allocations';
import { expectEngineError } from '../support/expect-engine-error';
import { text, texts, u32, writeGguf, type WriterFile, type WriterValue } from '../support/gguf-writer';

/** See src/formats/gguf.ts. */
const FREE_MEMORY_BYTES = 512 * KiB;

const architecture = ['general.architecture', text('qwen3moe')] as const;
const fileOf = (key: string, value: WriterValue): WriterFile => ({ metadata: [architecture, [key, value]], tensors: [] });
const ofOneByte = (name: string): WriterFile['tensors'][number] => ({ name, dimensions: [1], type: 24, data: new Uint8Array(1) });
const packed = { alignment: 1, metadata: [['general.alignment', u32(1)] as const] };
const small = (count: number): number[] => Array.from({ length: count }, (_, index) => index % 2);

const READ: ReadonlyArray<readonly [what: string, file: WriterFile]> = [
  ['a list of bytes', fileOf('list', { type: 'array', itemType: 'uint8', items: small(200_000) })],
  ['a list of booleans', fileOf('list', { type: 'array', itemType: 'bool', items: small(200_000).map(Boolean) })],
  ['a list of 64-bit integers', fileOf('list', { type: 'array', itemType: 'uint64', items: small(200_000) })],
  ['a list of empty strings', fileOf('list', texts(Array.from({ length: 200_000 }, () => '')))],
  ['a list of short strings', fileOf('list', texts(small(200_000).map((item) => `a${item}`)))],
  ['a list of lists', fileOf('list', { type: 'array', itemType: 'array', items: Array.from({ length: 50_000 }, () => texts([])) })],
  ['a long text that is not Latin', fileOf('text', text(`${'a'.repeat(3_000_000)}世`))],
  ['as many tensors as are free', { ...packed, tensors: Array.from({ length: 1250 }, (_, index) => ofOneByte(String(index))) }],
  ['as many keys as are free', { metadata: Array.from({ length: 2000 }, (_, index) => [String(index), u32(1)] as const), tensors: [] }],
];

describe('the reader holds no more than twice the file of', () => {
  it.each(READ)('%s', async (_what, file) => {
    const source = new MemorySource(writeGguf(file));
    await readGguf(source);
    const kept: GgufFile[] = [];
    const before = await heldBytes();
    const { blockBytes } = await measureAllocations(async () => void kept.push(await readGguf(source)));
    const held = (await heldBytes()) - before;
    expect(kept).toHaveLength(1);
    expect(blockBytes, 'in buffers, together').toBeLessThanOrEqual(2 * source.sizeBytes);
    expect(held).toBeLessThan(2 * source.sizeBytes + FREE_MEMORY_BYTES);
  });
});

describe('the reader refuses', () => {
  it('keys that would take many times their bytes', async () => {
    const metadata = Array.from({ length: 20_000 }, (_, index) => [String(index), u32(1)] as const);
    await expectEngineError(() => readGguf(new MemorySource(writeGguf({ metadata, tensors: [] }))), 'file-corrupt', 'more memory');
  });

  it('tensors of a byte each', async () => {
    const tensors = Array.from({ length: 5000 }, (_, index) => ofOneByte(String(index)));
    await expectEngineError(() => readGguf(new MemorySource(writeGguf({ ...packed, tensors }))), 'file-corrupt', 'more memory');
  });
});

it('values are the same however the header is cut into reads', async () => {
  const items = Array.from({ length: 50_000 }, (_, index) => `token ${index} 世界`);
  const bytes = writeGguf({ ...fileOf('list', texts(items)), tensors: [ofOneByte('last')] });
  const file = await readGguf(new MemorySource(bytes));
  expect(bytes.byteLength).toBeGreaterThan(1024 * KiB); // three reads
  expect(file.metadata.strings('list')).toEqual(items);
  expect(file.tensors.get('last')?.offsetBytes).toBe(file.dataStartBytes);
});
