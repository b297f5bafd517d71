// The demo model's file, in Node and in Chromium.

import { MemorySource } from '../../src/formats/memory-source';
import type { Source } from '../../src/formats/source';

const FILE = 'models/demo-q8_0.gguf';

let bytes: Promise<Uint8Array> | undefined;

/** Read whole, once per test file. */
export async function demoSource(): Promise<Source> {
  bytes ??= typeof window === 'undefined' ? readFromDisk() : fetchFromServer();
  return new MemorySource(await bytes, FILE);
}

async function readFromDisk(): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  return readFile(join(import.meta.dirname, '../../public', FILE));
}

/** vite serves what lies in public/ at the root. */
async function fetchFromServer(): Promise<Uint8Array> {
  const response = await fetch(`/${FILE}`);
  if (!response.ok) throw new Error(`the demo model: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
