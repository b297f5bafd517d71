// Ranges of a file whose order is known, some of them on their way before they are asked for: a reader that waits for each would wait once per round trip, and
// neighbours that are asked for together are read as one.

import { MiB } from '../core/units';
import type { Source } from './source';

/** Bytes that are on their way or wait to be taken, at most (or one range). */
export const AHEAD_MAX_BYTES = 16 * MiB;

export interface Range {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export class ReadAhead implements Pick<Source, 'read'> {
  readonly #source: Pick<Source, 'read'>;
  /** [offset] ranges that nobody has read yet, in order. */
  readonly #left: Map<number, Range>;
  readonly #ahead = new Map<number, Promise<Uint8Array>>();
  #aheadBytes = 0;

  /** Ranges in the order in which they will be read; of those that begin at one place the last. */
  constructor(source: Pick<Source, 'read'>, ranges: readonly Range[]) {
    this.#source = source;
    this.#left = new Map(ranges.map((range) => [range.offsetBytes, range]));
  }

  /** As the source does. What is read ahead heeds the signal of the call that started it. */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#left.get(offset)?.sizeBytes !== length) return this.#source.read(offset, length, signal);
    // By halves, so that several are asked for together.
    if (this.#aheadBytes < AHEAD_MAX_BYTES / 2) this.#start(signal);
    this.#left.delete(offset);
    const bytes = this.#ahead.get(offset);
    if (!bytes) return this.#source.read(offset, length, signal);
    this.#ahead.delete(offset);
    this.#aheadBytes -= length;
    return bytes;
  }

  #start(signal: AbortSignal | undefined): void {
    for (const [offset, { sizeBytes }] of this.#left) {
      if (this.#ahead.has(offset)) continue;
      if (this.#aheadBytes > 0 && this.#aheadBytes + sizeBytes > AHEAD_MAX_BYTES) return;
      const bytes = this.#source.read(offset, sizeBytes, signal);
      bytes.catch(() => undefined); // whoever asks for it hears of it
      this.#ahead.set(offset, bytes);
      this.#aheadBytes += sizeBytes;
    }
  }
}
