// A file that the user picked or dropped (File), or any Blob, in the browser and in Node.

import { EngineError, throwIfAborted } from '../core/errors';
import { assertRange, exactly } from './source-range';
import type { Source } from './source';

export class BlobSource implements Source {
  readonly name: string;
  readonly identity: string;
  readonly sizeBytes: number;
  readonly #blob: Blob;

  constructor(blob: Blob, name = 'name' in blob && typeof blob.name === 'string' ? blob.name : 'file') {
    this.#blob = blob;
    this.name = name;
    this.sizeBytes = blob.size;
    const modifiedMs = 'lastModified' in blob && typeof blob.lastModified === 'number' ? blob.lastModified : 0;
    this.identity = `file:${name}:${blob.size}:${modifiedMs}`;
  }

  /** Rejects with 'source-changed' when the file was changed or removed since it was picked: browsers then refuse to read it. */
  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal);
    assertRange(this, offset, length);
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(await this.#blob.slice(offset, offset + length).arrayBuffer());
    } catch (cause) {
      throw new EngineError(
        'source-changed',
        `${this.name} can no longer be read.`,
        'It was changed, moved or removed since it was chosen: choose it again.',
        cause,
      );
    }
    throwIfAborted(signal);
    return exactly(this, bytes, length);
  }
}
