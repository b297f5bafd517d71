// The start of a file, as far as it was read: in the pieces in which it came, so that a longer start costs no copy of a shorter one.

import { assert, defined } from '../core/assert';

/** Some bytes of the file, and where they are in it. */
export interface HeaderPart {
  readonly startBytes: number;
  readonly bytes: Uint8Array;
}

export class HeaderBytes {
  readonly #pieces: HeaderPart[] = [];
  #byteLength = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  append(bytes: Uint8Array): void {
    this.#pieces.push({ startBytes: this.#byteLength, bytes });
    this.#byteLength += bytes.byteLength;
  }

  /** The piece that has the whole range; where it lies in several, a copy of the range. */
  partWith(start: number, end: number): HeaderPart {
    assert(start <= end && end <= this.#byteLength, 'a range of what was read');
    const first = defined(
      this.#pieces.findLast(({ startBytes }) => startBytes <= start),
      'a first piece',
    );
    if (end <= endOf(first)) return first;
    const bytes = new Uint8Array(end - start);
    for (const piece of this.#pieces) {
      const [from, to] = [Math.max(start, piece.startBytes), Math.min(end, endOf(piece))];
      if (from < to) bytes.set(piece.bytes.subarray(from - piece.startBytes, to - piece.startBytes), from - start);
    }
    return { startBytes: start, bytes };
  }
}

function endOf({ startBytes, bytes }: HeaderPart): number {
  return startBytes + bytes.byteLength;
}
