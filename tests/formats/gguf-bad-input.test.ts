// Files that are broken, one way at a time: the code of the error, the field it names, and no time or memory spent on absurd numbers.

import { describe, expect, it } from 'vitest';
import { readGguf, type GgufFile } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';
import type { Source } from '../../src/formats/source';
import { expectEngineError } from '../support/expect-engine-error';
import { f32, text, texts, tinyQwen3Moe, u32, writeGguf, type WriterFile, type WriterTensor, type WriterValue } from '../support/gguf-writer';

const tensor: WriterTensor = { name: 'a', dimensions: [32, 2], type: 0, data: new Uint8Array(256).fill(7) };
const architecture = ['general.architecture', text('x')] as const;
const read = (bytes: Uint8Array): Promise<GgufFile> => readGguf(new MemorySource(bytes));
const readFile = (file: Partial<WriterFile>): Promise<GgufFile> => read(writeGguf({ metadata: [architecture], tensors: [tensor], ...file }));
const withValue = (value: WriterValue): Promise<GgufFile> => readFile({ metadata: [architecture, ['key', value]] });

describe('a small file', () => {
  it('is read with every type of value', async () => {
    const values: Record<string, WriterValue> = {
      u8: { type: 'uint8', value: 255 },
      i8: { type: 'int8', value: -128 },
      u16: { type: 'uint16', value: 65_535 },
      i16: { type: 'int16', value: -32_768 },
      u32: u32(4_294_967_295),
      i32: { type: 'int32', value: -5 },
      f32: f32(0.5),
      bool: { type: 'bool', value: true },
      string: text('größer 世界'),
      u64: { type: 'uint64', value: 9_007_199_254_740_991n },
      u64big: { type: 'uint64', value: 2n ** 64n - 1n },
      i64: { type: 'int64', value: -7n },
      f64: { type: 'float64', value: Math.PI },
      strings: texts(['', 'a', 'b']),
      bools: { type: 'array', itemType: 'bool', items: [true, false] },
      nested: { type: 'array', itemType: 'array', items: [texts(['x']), texts([])] },
    };
    const { metadata } = await readFile({ metadata: Object.entries(values) });
    const small = { u8: 255, i8: -128, u16: 65_535, i16: -32_768, u32: 4_294_967_295, i32: -5, f32: 0.5, bool: true, string: 'größer 世界' };
    const large = { u64: 9_007_199_254_740_991, u64big: 2n ** 64n - 1n, i64: -7, f64: Math.PI };
    const lists = { strings: ['', 'a', 'b'], bools: [true, false], nested: [['x'], []] };
    expect(Object.fromEntries(metadata.entries())).toEqual({ ...small, ...large, ...lists });
  });

  it('may have the strangest keys', async () => {
    const { metadata } = await readFile({
      metadata: [
        ['__proto__', u32(1)],
        ['', u32(2)],
        ['constructor', u32(3)],
      ],
    });
    expect([metadata.size, metadata.integer('__proto__', 1, 1), metadata.integer('', 2, 2), metadata.has('toString')]).toEqual([3, 1, 2, false]);
  });

  it.each([2, 3])('is read in version %i', async (version) => {
    const file = await readFile({ version });
    expect(file.tensors.get('a')).toMatchObject({ dimensions: [32, 2], sizeBytes: 256, offsetBytes: file.dataStartBytes });
  });

  it('is read with another alignment', async () => {
    const file = await readFile({ metadata: [['general.alignment', u32(256)]], alignment: 256, tensors: [tensor, { ...tensor, name: 'b' }] });
    expect(file.dataStartBytes % 256).toBe(0);
    expect(file.tensors.get('b')?.offsetBytes).toBe(file.dataStartBytes + 256);
  });

  it('is read in steps when the header is long, and never beyond the file', async () => {
    const source = new MemorySource(
      writeGguf({ metadata: [architecture, ['long', texts(Array.from({ length: 100_000 }, (_, i) => `token ${i}`))]], tensors: [tensor] }),
    );
    const reads: Array<[number, number]> = [];
    const watched: Source = {
      name: source.name,
      identity: source.identity,
      sizeBytes: source.sizeBytes,
      read: (offset, length) => {
        reads.push([offset, length]);
        return source.read(offset, length);
      },
    };
    const file = await readGguf(watched);
    expect(file.metadata.strings('long')).toHaveLength(100_000);
    expect(reads.length).toBeGreaterThan(1);
    expect(reads.length).toBeLessThan(5);
    expect(reads.every(([offset, length]) => offset + length <= source.sizeBytes)).toBe(true);
  });
});

describe('a file that is no GGUF', () => {
  it.each([
    ['empty', new Uint8Array(0)],
    ['of three bytes', new TextEncoder().encode('GGU')],
    ['a web page', new TextEncoder().encode('<!doctype html><title>Not found</title>')],
    ['zeroes', new Uint8Array(1000)],
  ])('%s', (_name, bytes) => expectEngineError(() => read(bytes), 'not-gguf'));
});

describe('a version that cannot be read', () => {
  it.each([0, 1, 4, 99])('%i', (version) => expectEngineError(() => readFile({ version }), 'unsupported-version', String(version)));
  it('big-endian', () => expectEngineError(() => readFile({ version: 0x03000000 }), 'unsupported-version', 'big-endian'));
});

describe('a truncated file', () => {
  it('fails at every length, as truncated', async () => {
    const bytes = tinyQwen3Moe({ layers: 1 });
    const { dataStartBytes } = await read(bytes);
    for (let length = 4; length < bytes.byteLength; length += length < 600 ? 1 : 997)
      await expectEngineError(() => read(bytes.subarray(0, length)), 'file-truncated');
    for (const length of [dataStartBytes - 1, dataStartBytes, bytes.byteLength - 1])
      await expectEngineError(() => read(bytes.subarray(0, length)), 'file-truncated');
  });

  it('names the tensor that is cut', async () => {
    const bytes = writeGguf({ metadata: [], tensors: [tensor, { ...tensor, name: 'the last' }] });
    await expectEngineError(() => read(bytes.subarray(0, bytes.byteLength - 1)), 'file-truncated', 'the last');
  });
});

describe('counts and lengths beyond reason', () => {
  const huge = 2n ** 60n;
  it.each<[string, Partial<WriterFile>, 'file-corrupt' | 'file-truncated', string]>([
    ['tensors', { tensorCount: huge }, 'file-corrupt', 'tensor count'],
    ['tensors, just more than the file can hold', { tensorCount: 900_000 }, 'file-truncated', 'list'],
    ['metadata', { metadataCount: huge }, 'file-corrupt', 'metadata count'],
    ['metadata, just more than the file can hold', { metadataCount: 90_000 }, 'file-truncated', 'list'],
    ['one tensor more than there is', { tensorCount: 2 }, 'file-corrupt', 'the tensor ""'],
    ['a dimension', { tensors: [{ ...tensor, dimensions: [huge] }] }, 'file-corrupt', 'dimension 0 of the tensor "a"'],
    ['the product of dimensions', { tensors: [{ ...tensor, dimensions: [2 ** 30, 2 ** 30, 2 ** 30] }] }, 'file-corrupt', 'tensor "a"'],
    ['a tensor larger than the file', { tensors: [{ ...tensor, dimensions: [32, 2 ** 40] }] }, 'file-truncated', 'tensor "a"'],
    ['an offset', { tensors: [{ ...tensor, offset: huge }] }, 'file-corrupt', 'offset of the tensor "a"'],
    ['an offset just beyond the file', { tensors: [{ ...tensor, offset: 32 }] }, 'file-truncated', 'tensor "a"'],
  ])('%s', (_name, file, code, message) => expectEngineError(() => readFile(file), code, message));

  /** A metadata value whose stated length is not its own. */
  function withLength(value: WriterValue, lengthAt: number, length: bigint): Uint8Array {
    const bytes = writeGguf({ metadata: [['key', value]], tensors: [] });
    new DataView(bytes.buffer).setBigUint64(24 + 8 + 3 + 4 + lengthAt, length, true);
    return bytes;
  }
  it.each([
    ['a string', withLength(text('abc'), 0, huge), 'file-corrupt'],
    ['a string longer than the file', withLength(text('abc'), 0, 1_000_000n), 'file-truncated'],
    ['a list', withLength(texts(['a']), 4, huge), 'file-corrupt'],
    ['a list longer than the file', withLength(texts(['a']), 4, 100_000_000n), 'file-truncated'],
  ] as const)('%s', (_name, bytes, code) => expectEngineError(() => read(bytes), code, '"key"'));

  it('a list that is in the file, but would take many times its size in memory', async () => {
    const listed = 4 * 1024 * 1024 + 1;
    const head = withLength({ type: 'array', itemType: 'uint8', items: [1] }, 4, BigInt(listed));
    const bytes = new Uint8Array(head.byteLength + listed);
    bytes.set(head);
    await expectEngineError(() => read(bytes), 'file-corrupt', /"key" is a list of 4194305/);
  });
});

describe('impossible fields', () => {
  const nest = (depth: number): WriterValue => (depth === 0 ? texts(['x']) : { type: 'array', itemType: 'array', items: [nest(depth - 1)] });
  it.each<[string, () => Promise<GgufFile>, string | RegExp]>([
    ['two keys of one name', () => readFile({ metadata: [architecture, architecture] }), 'general.architecture'],
    ['two tensors of one name', () => readFile({ tensors: [tensor, tensor] }), '"a"'],
    ['alignment 0', () => readFile({ metadata: [['general.alignment', u32(0)]] }), 'general.alignment'],
    ['alignment 48', () => readFile({ metadata: [['general.alignment', u32(48)]] }), 'general.alignment'],
    ['alignment as text', () => readFile({ metadata: [['general.alignment', text('32')]] }), 'general.alignment'],
    ['an offset off the alignment', () => readFile({ tensors: [{ ...tensor, offset: 8 }] }), 'alignment'],
    ['two tensors in one place', () => readFile({ tensors: [tensor, { ...tensor, name: 'b', offset: 0 }] }), /"a" and "b" overlap/],
    ['a tensor within another', () => readFile({ tensors: [tensor, { ...tensor, name: 'b', dimensions: [1], offset: 32 }] }), /"a" and "b" overlap/],
    [
      'a tensor that begins before another ends',
      () =>
        readFile({
          tensors: [
            { ...tensor, offset: 224 },
            { ...tensor, name: 'b', offset: 0 },
          ],
        }),
      /"b" and "a" overlap/,
    ],
    ['no dimension', () => readFile({ tensors: [{ ...tensor, dimensions: [] }] }), '0 dimensions'],
    ['five dimensions', () => readFile({ tensors: [{ ...tensor, dimensions: [1, 1, 1, 1, 1] }] }), '5 dimensions'],
    ['a dimension of 0', () => readFile({ tensors: [{ ...tensor, dimensions: [32, 0] }] }), 'dimension 1'],
    ['rows that are no whole blocks', () => readFile({ tensors: [{ ...tensor, dimensions: [33, 2], type: 8 }] }), 'block size'],
    ['a boolean of 2', () => withValue({ type: 'bool', value: 2 }), '"key"'],
    ['lists in lists in lists', () => withValue(nest(6)), 'nested'],
  ])('%s', (_name, action, message) => expectEngineError(action, 'file-corrupt', message));

  it('an unknown type of value', async () => {
    const bytes = writeGguf({ metadata: [['key', u32(1)]], tensors: [] });
    new DataView(bytes.buffer).setUint32(24 + 8 + 3, 77, true);
    await expectEngineError(() => read(bytes), 'file-corrupt', /"key".*77/);
  });

  it('a key that is not UTF-8', async () => {
    const bytes = writeGguf({ metadata: [['key', u32(1)]], tensors: [] });
    bytes[24 + 8] = 0xff;
    await expectEngineError(() => read(bytes), 'file-corrupt', 'UTF-8');
  });

  it('an unknown type of tensor', () => expectEngineError(() => readFile({ tensors: [{ ...tensor, type: 5 }] }), 'unsupported-tensor-type', /"a".*5/));
});

it('stops when it is told to', () => expectEngineError(() => readGguf(new MemorySource(tinyQwen3Moe()), AbortSignal.abort()), 'aborted'));

describe('typed getters', () => {
  it('name the key and what was found', async () => {
    const { metadata } = await readFile({
      metadata: [
        ['n', u32(5)],
        ['s', text('x'.repeat(100))],
        ['list', texts(['a'])],
        ['nan', f32(Number.NaN)],
      ],
    });
    await expectEngineError(() => metadata.string('n'), 'file-corrupt', '"n" should be a string, and is 5');
    await expectEngineError(() => metadata.integer('s', 0, 1), 'file-corrupt', '"s" should be an integer from 0 to 1, and is "xxxx');
    await expectEngineError(() => metadata.integer('n', 0, 4), 'file-corrupt', '"n"');
    await expectEngineError(() => metadata.numbers('list'), 'file-corrupt', 'a list of 1');
    await expectEngineError(() => metadata.float('nan'), 'file-corrupt', 'NaN');
    await expectEngineError(() => metadata.boolean('missing'), 'file-corrupt', '"missing" is missing');
    expect(metadata.boolean('missing', true)).toBe(true);
    expect(metadata.integer('missing', 0, 1, 7)).toBe(7);
  });
});
