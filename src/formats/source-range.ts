// What every source checks before it reads.

import { assert } from '../core/assert';
import { EngineError } from '../core/errors';
import type { Source } from './source';

/** Throws 'file-truncated' when the range is not within the file. */
export function assertRange(source: Source, offset: number, length: number): void {
  assert(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0, `a range of a file is not ${offset} + ${length}`);
  if (offset + length <= source.sizeBytes) return;
  throw new EngineError(
    'file-truncated',
    `${source.name} has ${source.sizeBytes} bytes; bytes ${offset} to ${offset + length} were wanted.`,
    'The file is incomplete: download or copy it again.',
  );
}

/** Throws 'source-changed' when fewer bytes arrived than were asked for: the file was cut after it was opened. */
export function exactly(source: Source, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.byteLength === length) return bytes;
  throw new EngineError(
    'source-changed',
    `${source.name} gave ${bytes.byteLength} bytes where ${length} were asked for.`,
    'The file was changed while it was read: open it again.',
  );
}
