// Sources other than HTTP: the same bytes, the same refusals.

import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random';
import { BlobSource } from '../../src/formats/blob-source';
import { MemorySource } from '../../src/formats/memory-source';
import { openNodeFileSource } from '../../src/formats/node-file-source';
import { resolveModelUrl } from '../../src/formats/resolve';
import type { Source } from '../../src/formats/source';
import { expectEngineError } from '../support/expect-engine-error';

const random = new Random(3);
const bytes = Uint8Array.from({ length: 5000 }, () => random.integer(0, 255));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-sources-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function onDisk(name: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

const sources: ReadonlyArray<readonly [string, () => Promise<Source>]> = [
  ['MemorySource', async () => new MemorySource(bytes)],
  ['BlobSource', async () => new BlobSource(new File([bytes], 'model.gguf', { lastModified: 1 }))],
  ['node file', async () => openNodeFileSource(await onDisk('model.gguf'))],
];

describe.each(sources)('%s', (_name, open) => {
  it('gives exactly the bytes of a range, as a copy', async () => {
    const source = await open();
    expect(source.sizeBytes).toBe(5000);
    expect(source.identity).toContain('5000');
    const part = await source.read(100, 50);
    expect(part).toEqual(bytes.slice(100, 150));
    part.fill(0);
    expect(await source.read(100, 50)).toEqual(bytes.slice(100, 150));
    expect(await source.read(5000, 0)).toHaveLength(0);
    await source.close?.();
  });

  it('refuses a range beyond its end, and an aborted read', async () => {
    const source = await open();
    await expectEngineError(() => source.read(4999, 2), 'file-truncated');
    await expectEngineError(() => source.read(0, 1, AbortSignal.abort()), 'aborted');
    await source.close?.();
  });
});

it('a memory source has another identity for other bytes', () => {
  const other = bytes.slice();
  other[2500] = (other[2500] ?? 0) ^ 1;
  expect(new MemorySource(other).identity).not.toBe(new MemorySource(bytes).identity);
});

it('a file source says what is wrong with a path', async () => {
  await expectEngineError(() => openNodeFileSource(join(folder, 'nothing.gguf')), 'source-not-found', 'nothing.gguf');
  await expectEngineError(() => openNodeFileSource(folder), 'source-not-found', 'not a file');
});

it('a file source notices that the file was cut, or closed', async () => {
  const path = await onDisk('cut.gguf');
  const source = await openNodeFileSource(path);
  await truncate(path, 1000);
  await expectEngineError(() => source.read(900, 200), 'source-changed');
  await source.close?.();
  await expectEngineError(() => source.read(0, 10), 'source-network');
});

describe('resolveModelUrl', () => {
  it('turns repository paths into addresses and passes addresses', () => {
    expect(resolveModelUrl('hf:Qwen/Qwen3-30B-A3B-GGUF/Qwen3-30B-A3B-Q4_0.gguf')).toBe(
      'https://huggingface.co/Qwen/Qwen3-30B-A3B-GGUF/resolve/main/Qwen3-30B-A3B-Q4_0.gguf',
    );
    expect(resolveModelUrl(' hf:o/r/a folder/m#1.gguf ')).toBe('https://huggingface.co/o/r/resolve/main/a%20folder/m%231.gguf');
    expect(resolveModelUrl('https://example.org/m.gguf?x=1')).toBe('https://example.org/m.gguf?x=1');
  });

  it.each(['', 'model.gguf', 'ftp://a/b.gguf', 'file:///etc/passwd', 'javascript:alert(1)', 'hf:owner/repo', 'hf:owner/repo/', 'hf:../x/y.gguf'])(
    'refuses "%s"',
    async (text) => {
      await expectEngineError(() => resolveModelUrl(text), 'invalid-argument');
    },
  );

  it.each(['hf:o/r/../../x.gguf', 'hf:o/r//x.gguf', 'hf:o/r/x.bin', 'hf:o/r@x/y.gguf', 'http://', `https://e.org/${'a'.repeat(5000)}`])(
    'refuses "%s"',
    async (text) => {
      await expectEngineError(() => resolveModelUrl(text), 'invalid-argument');
    },
  );
});
