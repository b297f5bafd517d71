// A model file on a web server, read in parts by range requests. A read that fails in a way that may pass is tried again from where it stopped; a file that
// changes on the server between two reads is noticed, since the parts would not fit together.

import { EngineError, aborted } from '../core/errors';
import { KiB } from '../core/units';
import { TransientFailure, fetchRange, networkError, type RangeAnswer } from './http-range';
import { Limiter } from './limiter';
import { assertRange } from './source-range';
import type { Source } from './source';

export interface HttpOptions {
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** Longest silence of the server. */
  readonly inactivityMs?: number;
  /** Wait before the first repetition; doubled for each further one. */
  readonly firstRetryMs?: number;
  /** Requests at a time; more wait. */
  readonly concurrency?: number;
}

/** The first request brings this much along with the size: as much as a GGUF reader asks for first. */
const PREFIX_BYTES = 256 * KiB;
const MAX_RETRIES = 4;
/** After this much progress earlier failures are forgotten. */
const PROGRESS_BYTES = 64 * KiB;

interface Connection {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly inactivityMs: number;
  readonly firstRetryMs: number;
}

/**
 * Asks the server for the start of the file, and so for its size. Rejects with EngineError: 'invalid-argument' (not an http or https address),
 * 'source-not-found', 'source-no-ranges', 'source-network', 'source-timeout', 'aborted'.
 */
export async function openHttpSource(url: string, options: HttpOptions = {}): Promise<Source> {
  const connection: Connection = {
    url: checkUrl(url),
    // Called as a plain function: browsers refuse `fetch` with another `this`.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    inactivityMs: options.inactivityMs ?? 30_000,
    firstRetryMs: options.firstRetryMs ?? 500,
  };
  const { answer, bytes } = await download(connection, 0, PREFIX_BYTES, undefined, options.signal);
  return new HttpSource(connection, answer, bytes, options.concurrency ?? 6);
}

class HttpSource implements Source {
  readonly name: string;
  readonly identity: string;
  readonly sizeBytes: number;
  readonly #connection: Connection;
  readonly #answer: RangeAnswer;
  readonly #prefix: Uint8Array;
  readonly #limiter: Limiter;

  constructor(connection: Connection, answer: RangeAnswer, prefix: Uint8Array, concurrency: number) {
    this.#connection = connection;
    this.#answer = answer;
    this.#prefix = prefix;
    this.#limiter = new Limiter(concurrency);
    this.name = connection.url;
    this.sizeBytes = answer.sizeBytes;
    this.identity = `${connection.url}:${answer.sizeBytes}:${answer.validator}`;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    assertRange(this, offset, length);
    if (signal?.aborted) throw aborted();
    if (offset + length <= this.#prefix.byteLength) return this.#prefix.slice(offset, offset + length);
    const { bytes } = await this.#limiter.run(() => download(this.#connection, offset, length, this.#answer, signal), signal);
    return bytes;
  }
}

/** `length` bytes, or fewer where the file ends; in as many requests as it takes. With `known`, an answer about another version of the file is refused. */
async function download(
  connection: Connection,
  offset: number,
  length: number,
  known: RangeAnswer | undefined,
  signal: AbortSignal | undefined,
): Promise<{ answer: RangeAnswer; bytes: Uint8Array }> {
  const bytes = new Uint8Array(length);
  let wanted = length;
  let done = 0;
  let answer = known;
  const onAnswer = (given: RangeAnswer): void => {
    answer ??= given;
    if (given.sizeBytes !== answer.sizeBytes || given.validator !== answer.validator) throw changed(connection.url);
    wanted = Math.min(length, given.sizeBytes - offset);
  };
  const onBytes = (piece: Uint8Array): void => {
    bytes.set(piece, done);
    done += piece.byteLength;
  };
  let retries = 0;
  while (done < wanted) {
    const startedAt = done;
    try {
      await fetchRange({ ...connection, offset: offset + done, length: wanted - done, signal, onAnswer, onBytes });
    } catch (thrown) {
      if (!(thrown instanceof TransientFailure)) throw thrown;
      if (done - startedAt >= PROGRESS_BYTES) retries = 0;
      if (retries === MAX_RETRIES) throw thrown.error;
      await delay(Math.max(connection.firstRetryMs * 2 ** retries, thrown.waitMs), signal);
      retries++;
    }
  }
  if (!answer) throw networkError(`${connection.url} gave no answer.`);
  return { answer, bytes: bytes.subarray(0, wanted) };
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '') {
    url.hash = '';
    return url.href;
  }
  throw new EngineError(
    'invalid-argument',
    `"${text}" is not an http or https address without credentials.`,
    'Give the whole address, such as https://example.org/model.gguf.',
  );
}

function changed(url: string): EngineError {
  return new EngineError('source-changed', `The file at ${url} changed while it was read.`, 'Load the model again.');
}

function delay(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', cancel);
      resolve();
    }, milliseconds);
    if (signal?.aborted) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}
