// Reads little-endian fields of a file header from the bytes that are there so far. Wanting bytes beyond them throws MoreBytesNeeded, which the caller
// answers by reading more of the file and starting again; wanting bytes beyond the file is 'file-truncated'. That keeps the parser plain and synchronous.

import { EngineError } from '../core/errors';

/** Not an error of the file: the header continues behind the bytes that were read so far. */
export class MoreBytesNeeded {
  constructor(readonly endBytes: number) {}
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export class HeaderCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #limitBytes: number;
  readonly #fileBytes: number;
  #offset = 0;

  /** `bytes` from the start of a file of `fileBytes`; a header that goes beyond `limitBytes` is refused. */
  constructor(bytes: Uint8Array, fileBytes: number, limitBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fileBytes = fileBytes;
    this.#limitBytes = limitBytes;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Refuses a count before anything is allocated for it: so many bytes, at the least, must follow in the file and within the header limit. */
  expectRoom(leastBytes: number, field: string): void {
    this.#checkEnd(this.#offset + leastBytes, field);
  }

  uint8 = (field: string): number => this.#view.getUint8(this.#take(1, field));
  int8 = (field: string): number => this.#view.getInt8(this.#take(1, field));
  uint16 = (field: string): number => this.#view.getUint16(this.#take(2, field), true);
  int16 = (field: string): number => this.#view.getInt16(this.#take(2, field), true);
  uint32 = (field: string): number => this.#view.getUint32(this.#take(4, field), true);
  int32 = (field: string): number => this.#view.getInt32(this.#take(4, field), true);
  uint64 = (field: string): bigint => this.#view.getBigUint64(this.#take(8, field), true);
  int64 = (field: string): bigint => this.#view.getBigInt64(this.#take(8, field), true);
  float32 = (field: string): number => this.#view.getFloat32(this.#take(4, field), true);
  float64 = (field: string): number => this.#view.getFloat64(this.#take(8, field), true);

  /** A 64-bit count, length or offset: at most `maximum`, which a double holds exactly. */
  count(field: string, maximum: number): number {
    const value = this.uint64(field);
    if (value > BigInt(maximum)) throw corrupt(`${field} is ${value}; at most ${maximum} is possible`);
    return Number(value);
  }

  /** Length-prefixed UTF-8. Names must be valid; in free text a bad sequence becomes U+FFFD. */
  string(field: string, maximumBytes: number, mode: 'strict' | 'lenient'): string {
    const length = this.count(`the length of ${field}`, maximumBytes);
    const start = this.#take(length, field);
    const bytes = this.#bytes.subarray(start, start + length);
    if (mode === 'lenient') return lenientUtf8.decode(bytes);
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw corrupt(`${field} is not valid UTF-8`);
    }
  }

  /** Moves past `length` bytes and gives where they start. */
  #take(length: number, field: string): number {
    const start = this.#offset;
    const end = start + length;
    if (end > this.#bytes.byteLength) {
      this.#checkEnd(end, field);
      throw new MoreBytesNeeded(end);
    }
    this.#offset = end;
    return start;
  }

  #checkEnd(end: number, field: string): void {
    if (end > this.#fileBytes) throw truncated(`The file ends at byte ${this.#fileBytes}, within ${field}.`);
    if (end > this.#limitBytes) throw corrupt(`the header does not fit in ${this.#limitBytes} bytes (reached in ${field})`);
  }
}

export function corrupt(problem: string): EngineError {
  return new EngineError('file-corrupt', `The GGUF header is damaged: ${problem}.`, 'Get the file again; if that does not help, it was written wrongly.');
}

export function truncated(message: string): EngineError {
  return new EngineError('file-truncated', message, 'The file is incomplete: download or copy it again.');
}
