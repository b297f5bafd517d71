// Reads little-endian fields of a file header from the bytes that are there so far. Wanting bytes beyond them throws MoreBytesNeeded, which the caller
// answers by reading more of the file and starting again; wanting bytes beyond the file is 'file-truncated'. That keeps the parser plain and synchronous.

import { EngineError } from '../core/errors';
import type { HeaderBytes, HeaderPart } from './header-bytes';

/** Not an error of the file: the header continues behind the bytes that were read so far. */
export class MoreBytesNeeded {
  constructor(readonly endBytes: number) {}
}

export interface HeaderLimits {
  /** Of the whole file. */
  readonly fileBytes: number;
  /** A header that goes beyond is refused. */
  readonly headerBytes: number;
  /** Of memory for what is made of the header, beside its bytes. */
  readonly memoryBytes: number;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const NOTHING: HeaderPart & { readonly view: DataView } = { startBytes: 0, bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) };

export class HeaderCursor {
  readonly #header: HeaderBytes;
  readonly #limits: HeaderLimits;
  /** The part of the header that the fields are read from now. */
  #part = NOTHING;
  #at = 0;
  #offset: number;
  #memoryBytes = 0;

  constructor(header: HeaderBytes, limits: HeaderLimits, offset = 0) {
    this.#header = header;
    this.#limits = limits;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Refuses a count before anything is allocated for it: so many bytes, at the least, must follow in the file and within the header limit. */
  expectRoom(leastBytes: number, field: string): void {
    this.#checkEnd(this.#offset + leastBytes, field);
  }

  /** Refuses what would take more memory than a file of this size may. */
  spendMemory(bytes: number, field: string): void {
    this.#memoryBytes += bytes;
    if (this.#memoryBytes > this.#limits.memoryBytes) throw corrupt(`its lists would take more memory than the file has bytes (reached in ${field})`);
  }

  uint8 = (field: string): number => this.#view(1, field).getUint8(this.#at);
  int8 = (field: string): number => this.#view(1, field).getInt8(this.#at);
  uint16 = (field: string): number => this.#view(2, field).getUint16(this.#at, true);
  int16 = (field: string): number => this.#view(2, field).getInt16(this.#at, true);
  uint32 = (field: string): number => this.#view(4, field).getUint32(this.#at, true);
  int32 = (field: string): number => this.#view(4, field).getInt32(this.#at, true);
  uint64 = (field: string): bigint => this.#view(8, field).getBigUint64(this.#at, true);
  int64 = (field: string): bigint => this.#view(8, field).getBigInt64(this.#at, true);
  float32 = (field: string): number => this.#view(4, field).getFloat32(this.#at, true);
  float64 = (field: string): number => this.#view(8, field).getFloat64(this.#at, true);

  /** A 64-bit count, length or offset: at most `maximum`, which a double holds exactly. */
  count(field: string, maximum: number): number {
    const view = this.#view(8, field);
    const value = view.getUint32(this.#at + 4, true) * 2 ** 32 + view.getUint32(this.#at, true);
    // Beyond 2^53 the sum is rounded, and then it is more than any maximum all the same.
    if (value > maximum) throw corrupt(`${field} is ${view.getBigUint64(this.#at, true)}; at most ${maximum} is possible`);
    return value;
  }

  /** Length-prefixed UTF-8. Names must be valid; in free text a bad sequence becomes U+FFFD. */
  string(field: string, maximumBytes: number, mode: 'strict' | 'lenient'): string {
    const length = this.count(`the length of ${field}`, maximumBytes);
    this.#view(length, field);
    const bytes = this.#part.bytes.subarray(this.#at, this.#at + length);
    if (mode === 'lenient') return lenientUtf8.decode(bytes);
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw corrupt(`${field} is not valid UTF-8`);
    }
  }

  /** Moves past a string without reading it. */
  skipString(field: string, maximumBytes: number): void {
    this.skip(this.count(field, maximumBytes), field);
  }

  skip(length: number, field: string): void {
    const end = this.#offset + length;
    if (end > this.#header.byteLength) {
      this.#checkEnd(end, field);
      throw new MoreBytesNeeded(end);
    }
    this.#offset = end;
  }

  /** Moves past `length` bytes and gives a view of a part of the header that has them, at `#at`. */
  #view(length: number, field: string): DataView {
    const start = this.#offset;
    this.skip(length, field);
    const { startBytes, bytes } = this.#part;
    if (start < startBytes || this.#offset > startBytes + bytes.byteLength) {
      const part = this.#header.partWith(start, this.#offset);
      this.#part = { ...part, view: new DataView(part.bytes.buffer, part.bytes.byteOffset, part.bytes.byteLength) };
    }
    this.#at = start - this.#part.startBytes;
    return this.#part.view;
  }

  #checkEnd(end: number, field: string): void {
    const { fileBytes, headerBytes } = this.#limits;
    if (end > fileBytes) throw truncated(`The file ends at byte ${fileBytes}, within ${field}.`);
    if (end > headerBytes) throw corrupt(`the header does not fit in ${headerBytes} bytes (reached in ${field})`);
  }
}

export function corrupt(problem: string): EngineError {
  return new EngineError('file-corrupt', `The GGUF header is damaged: ${problem}.`, 'Get the file again; if that does not help, it was written wrongly.');
}

export function truncated(message: string): EngineError {
  return new EngineError('file-truncated', message, 'The file is incomplete: download or copy it again.');
}
