// A file on disk, in Node. Never imported by code that a browser loads.

import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { EngineError, throwIfAborted } from '../core/errors';
import { assertRange, exactly } from './source-range';
import type { Source } from './source';

/** Opens a file for reading. Rejects with 'source-not-found' or 'source-network' (the disk or the permissions refuse). */
export async function openNodeFileSource(path: string): Promise<Source> {
  try {
    const handle = await open(path, 'r');
    const stat = await handle.stat();
    if (stat.isFile()) return new NodeFileSource(handle, path, stat.size, stat.mtimeMs);
    await handle.close();
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw new EngineError('source-network', `${path} cannot be opened.`, 'Check the permissions of the file.', cause);
    throw new EngineError('source-not-found', `There is no file ${path}.`, 'Check the path.', cause);
  }
  throw new EngineError('source-not-found', `${path} is not a file.`, 'Name the .gguf file itself.');
}

class NodeFileSource implements Source {
  readonly name: string;
  readonly identity: string;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;

  constructor(handle: FileHandle, path: string, sizeBytes: number, modifiedMs: number) {
    this.#handle = handle;
    this.name = path;
    this.sizeBytes = sizeBytes;
    this.identity = `file:${basename(path)}:${sizeBytes}:${Math.round(modifiedMs)}`;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal);
    assertRange(this, offset, length);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#readAt(bytes, done, offset + done);
      throwIfAborted(signal);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return exactly(this, bytes.subarray(0, done), length);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #readAt(bytes: Uint8Array, start: number, position: number): Promise<{ bytesRead: number }> {
    try {
      return await this.#handle.read(bytes, start, bytes.byteLength - start, position);
    } catch (cause) {
      throw new EngineError('source-network', `${this.name} cannot be read.`, 'Check the disk, and that the file was not closed or removed.', cause);
    }
  }
}

function errorCode(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
