// Reads that are asked for in the same turn, as few downloads: the experts of a layer lie side by side in each of its tensors, and a request costs more than some
// bytes that nobody wants. Every reader gets its bytes as soon as they have arrived, in memory of its own, may give up by itself, and hears of a failure.

import { aborted, throwIfAborted } from '../core/errors';
import { KiB, MiB } from '../core/units';
import { Limiter } from './limiter';

/** Bytes between two reads that are downloaded to spare a request, at most: padding and small tensors, but hardly an expert, which is asked for in its turn. */
export const MERGE_MAX_GAP_BYTES = 16 * KiB;
/** Bytes of a download that serves several reads, at most: what is asked for later must not wait long behind it. */
export const MERGE_MAX_BYTES = MiB;

/**
 * Hands on the bytes of a file from `offset` on, `length` in all, in order. Rejects with 'aborted' or what else stops it; it may have handed on some by then.
 */
export type Download = (offset: number, length: number, onBytes: (piece: Uint8Array) => void, signal: AbortSignal) => Promise<void>;

export class MergedReads {
  readonly #download: Download;
  readonly #limiter: Limiter;
  #waiting: Reader[] = [];

  /** `concurrency`: downloads at a time; more wait. */
  constructor(download: Download, concurrency: number) {
    this.#download = download;
    this.#limiter = new Limiter(concurrency);
  }

  /** Exactly `length` bytes, at least one. Rejects with 'aborted' as soon as `signal` fires, or with what the download rejects with. */
  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal);
    const reader = new Reader(offset, length);
    const giveUp = (): void => reader.fail(aborted());
    signal?.addEventListener('abort', giveUp);
    if (this.#waiting.length === 0) setTimeout(() => this.#startWaiting(), 0);
    this.#waiting.push(reader);
    try {
      return await reader.result;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  #startWaiting(): void {
    const readers = this.#waiting.filter(({ isSettled }) => !isSettled);
    this.#waiting = [];
    for (const group of groupsOf(readers)) void this.#downloadFor(group);
  }

  async #downloadFor({ readers, startBytes, endBytes }: Group): Promise<void> {
    const controller = new AbortController();
    for (const reader of readers) {
      reader.onSettled = () => {
        if (readers.every(({ isSettled }) => isSettled)) controller.abort();
      };
    }
    let at = startBytes;
    const onBytes = (piece: Uint8Array): void => {
      for (const reader of readers) reader.take(at, piece);
      at += piece.byteLength;
    };
    try {
      await this.#limiter.run(() => this.#download(startBytes, endBytes - startBytes, onBytes, controller.signal), controller.signal);
    } catch (thrown) {
      for (const reader of readers) reader.fail(thrown);
    }
  }
}

class Reader {
  readonly result: Promise<Uint8Array>;
  readonly startBytes: number;
  readonly endBytes: number;
  onSettled = (): void => {};
  isSettled = false;
  #bytes: Uint8Array | undefined;
  #resolve!: (bytes: Uint8Array) => void;
  #reject!: (thrown: unknown) => void;

  constructor(offset: number, length: number) {
    this.startBytes = offset;
    this.endBytes = offset + length;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** A piece of the file from `at` on. Pieces come in order and without gaps. */
  take(at: number, piece: Uint8Array): void {
    const start = Math.max(at, this.startBytes);
    const end = Math.min(at + piece.byteLength, this.endBytes);
    if (this.isSettled || start >= end) return;
    // Not before they come: a read may wait long for its turn.
    this.#bytes ??= new Uint8Array(this.endBytes - this.startBytes);
    this.#bytes.set(piece.subarray(start - at, end - at), start - this.startBytes);
    if (end === this.endBytes) this.#settle(this.#resolve, this.#bytes);
  }

  fail(thrown: unknown): void {
    if (!this.isSettled) this.#settle(this.#reject, thrown);
  }

  #settle<T>(how: (outcome: T) => void, outcome: T): void {
    this.isSettled = true;
    this.#bytes = undefined;
    how(outcome);
    this.onSettled();
  }
}

interface Group {
  readonly readers: Reader[];
  readonly startBytes: number;
  endBytes: number;
}

/** Neighbours in the file as one, within the limits. A read that is over them goes by itself. */
function groupsOf(readers: readonly Reader[]): Group[] {
  const groups: Group[] = [];
  for (const reader of [...readers].sort((a, b) => a.startBytes - b.startBytes)) {
    const last = groups.at(-1);
    const endBytes = Math.max(last?.endBytes ?? 0, reader.endBytes);
    if (last && reader.startBytes - last.endBytes <= MERGE_MAX_GAP_BYTES && endBytes - last.startBytes <= MERGE_MAX_BYTES) {
      last.readers.push(reader);
      last.endBytes = endBytes;
    } else {
      groups.push({ readers: [reader], startBytes: reader.startBytes, endBytes: reader.endBytes });
    }
  }
  return groups;
}
