// Memory that records are read into, used again when nobody looks at it any more. A new array of some megabytes costs more than the read itself: the system
// gives it page by page, zeroed, at the first touch.
//
// Whoever keeps or hands on bytes from here holds them, and releases them once. A holder that forgets to release does no harm: the bytes then belong to the
// garbage collector, as bytes from anywhere else do; `hold` and `release` ignore those.

import { assert, defined } from '../core/assert';
import { MiB } from '../core/units';

/** Memory that waits to be used again, at most. */
const FREE_MAX_BYTES = 64 * MiB;

export class RecordBuffers {
  readonly #holderCounts = new WeakMap<ArrayBufferLike, number>();
  readonly #free = new Map<number, ArrayBuffer[]>();
  #freeBytes = 0;

  /** Held once, by the caller. What it contains does not matter. */
  readonly take = (sizeBytes: number): Uint8Array => {
    const used = this.#free.get(sizeBytes)?.pop();
    if (used) this.#freeBytes -= sizeBytes;
    const buffer = used ?? new ArrayBuffer(sizeBytes);
    this.#holderCounts.set(buffer, 1);
    return new Uint8Array(buffer);
  };

  hold({ buffer }: Uint8Array): void {
    const count = this.#holderCounts.get(buffer);
    if (count !== undefined) this.#holderCounts.set(buffer, count + 1);
  }

  release({ buffer }: Uint8Array): void {
    const count = this.#holderCounts.get(buffer);
    if (count === undefined) return;
    assert(count > 0, 'memory is released once by each holder');
    this.#holderCounts.set(buffer, count - 1);
    if (count === 1) this.#keep(buffer as ArrayBuffer);
  }

  #keep(buffer: ArrayBuffer): void {
    this.#holderCounts.delete(buffer);
    if (this.#freeBytes + buffer.byteLength > FREE_MAX_BYTES) return;
    this.#freeBytes += buffer.byteLength;
    if (!this.#free.has(buffer.byteLength)) this.#free.set(buffer.byteLength, []);
    defined(this.#free.get(buffer.byteLength)).push(buffer);
  }
}
