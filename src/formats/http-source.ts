// A model file on a web server, read in parts by range requests, neighbouring reads by one. A request that fails in a way that may pass is made again from where
// it stopped; a file that changes on the server between two requests is noticed, since the parts would not fit together.

import { EngineError, aborted, throwIfAborted } from '../core/errors';
import { KiB } from '../core/units';
import { TransientFailure, fetchRange, networkError, type RangeAnswer, type RangeRequest } from './http-range';
import { MergedReads } from './merged-reads';
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
  const prefix = new Uint8Array(PREFIX_BYTES);
  let at = 0;
  const onBytes = (piece: Uint8Array): void => {
    prefix.set(piece, at);
    at += piece.byteLength;
  };
  const answer = await download(connection, { offset: 0, length: PREFIX_BYTES, signal: options.signal, onBytes });
  return new HttpSource(connection, answer, prefix.subarray(0, at), options.concurrency ?? 6);
}

class HttpSource implements Source {
  readonly name: string;
  readonly identity: string;
  readonly sizeBytes: number;
  readonly #prefix: Uint8Array;
  readonly #reads: MergedReads;

  constructor(connection: Connection, answer: RangeAnswer, prefix: Uint8Array, concurrency: number) {
    this.#prefix = prefix;
    this.#reads = new MergedReads(async (offset, length, onBytes, signal) => {
      await download(connection, { offset, length, signal, onBytes }, answer);
    }, concurrency);
    this.name = connection.url;
    this.sizeBytes = answer.sizeBytes;
    this.identity = `${connection.url}:${answer.sizeBytes}:${answer.validator}`;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    assertRange(this, offset, length);
    throwIfAborted(signal);
    if (length === 0 || offset + length <= this.#prefix.byteLength) return this.#prefix.slice(offset, offset + length);
    return this.#reads.read(offset, length, signal);
  }
}

/**
 * Hands on `length` bytes, or fewer where the file ends; in as many requests as it takes. With `known`, an answer about another version of the file is refused.
 */
async function download(
  connection: Connection,
  { offset, length, signal, onBytes }: Pick<RangeRequest, 'offset' | 'length' | 'signal' | 'onBytes'>,
  known?: RangeAnswer,
): Promise<RangeAnswer> {
  let wanted = length;
  let done = 0;
  let answer = known;
  const onAnswer = (given: RangeAnswer): void => {
    answer ??= given;
    if (given.sizeBytes !== answer.sizeBytes || given.validator !== answer.validator) throw changed(connection.url);
    wanted = Math.min(length, given.sizeBytes - offset);
  };
  const onPiece = (piece: Uint8Array): void => {
    done += piece.byteLength;
    onBytes(piece);
  };
  let retries = 0;
  while (done < wanted) {
    const startedAt = done;
    try {
      await fetchRange({ ...connection, offset: offset + done, length: wanted - done, signal, onAnswer, onBytes: onPiece });
    } catch (thrown) {
      if (!(thrown instanceof TransientFailure)) throw thrown;
      if (done - startedAt >= PROGRESS_BYTES) retries = 0;
      if (retries === MAX_RETRIES) throw thrown.error;
      await delay(Math.max(connection.firstRetryMs * 2 ** retries, thrown.waitMs), signal);
      retries++;
    }
  }
  if (!answer) throw networkError(`${connection.url} gave no answer.`);
  return answer;
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
