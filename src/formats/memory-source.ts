// Bytes in memory as a model file: small models made by tests and tools, and files that were fetched whole.

import { throwIfAborted } from '../core/errors';
import { assertRange } from './source-range';
import type { Source } from './source';

export class MemorySource implements Source {
  readonly name: string;
  readonly identity: string;
  readonly sizeBytes: number;
  readonly #bytes: Uint8Array;

  /** The bytes are not copied here; `read` gives copies. */
  constructor(bytes: Uint8Array, name = 'memory') {
    this.#bytes = bytes;
    this.name = name;
    this.sizeBytes = bytes.byteLength;
    this.identity = `${name}:${bytes.byteLength}:${fnv1a(bytes)}`;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal);
    assertRange(this, offset, length);
    return this.#bytes.slice(offset, offset + length);
  }
}

/** FNV-1a, 32 bits: tells contents apart, promises no more. */
function fnv1a(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}
