// One HTTP range request: asks, checks what the server answers, hands the bytes on as they arrive. What may go away by itself (network, 5xx, a stalled or
// broken body) is thrown as a TransientFailure; everything else is an EngineError at once.

import { EngineError, aborted, throwIfAborted } from '../core/errors';

export interface RangeRequest {
  readonly url: string;
  readonly offset: number;
  readonly length: number;
  readonly fetch: typeof fetch;
  /** Longest wait for the answer, and then for each next piece of the body. */
  readonly inactivityMs: number;
  readonly signal: AbortSignal | undefined;
  /** Before any byte; may throw to refuse the answer. */
  readonly onAnswer: (answer: RangeAnswer) => void;
  /** Pieces in order, no more than `length` in all. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

export interface RangeAnswer {
  /** Of the whole file. */
  readonly sizeBytes: number;
  /** ETag, else Last-Modified, else empty: changes when the file does. */
  readonly validator: string;
}

export class TransientFailure {
  constructor(
    readonly error: EngineError,
    /** What the server asked for (Retry-After), else 0. */
    readonly waitMs = 0,
  ) {}
}

/** Resolves when the answer has been read whole. It may be for a shorter range than was asked for, but never for none. */
export async function fetchRange(request: RangeRequest): Promise<void> {
  throwIfAborted(request.signal);
  const controller = new AbortController();
  const cancel = (): void => controller.abort();
  request.signal?.addEventListener('abort', cancel, { once: true });
  let timedOut = false;
  const onTimeout = (): void => {
    timedOut = true;
    controller.abort();
  };
  let timer = setTimeout(onTimeout, request.inactivityMs);
  const restartTimer = (): void => {
    clearTimeout(timer);
    timer = setTimeout(onTimeout, request.inactivityMs);
  };
  try {
    const response = await request.fetch(request.url, {
      headers: { Range: `bytes=${request.offset}-${request.offset + request.length - 1}` },
      // The expert store is the cache; a second copy in the browser's would only take disk.
      cache: 'no-store',
      signal: controller.signal,
    });
    restartTimer();
    const { answer, rangeBytes } = checkAnswer(request, response);
    request.onAnswer(answer);
    await readBody(request, response, rangeBytes, restartTimer);
  } catch (thrown) {
    if (thrown instanceof EngineError || thrown instanceof TransientFailure) throw thrown;
    if (timedOut) throw new TransientFailure(timeout(request));
    if (request.signal?.aborted) throw aborted();
    throw new TransientFailure(networkError(`${request.url} cannot be read.`, thrown));
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener('abort', cancel);
    controller.abort(); // frees the connection of an answer that was refused; nothing otherwise
  }
}

async function readBody(request: RangeRequest, response: Response, rangeBytes: number, onPiece: () => void): Promise<void> {
  const reader = response.body?.getReader();
  let received = 0;
  while (received < rangeBytes) {
    const piece = await reader?.read();
    onPiece();
    if (!piece?.value) throw new TransientFailure(networkError(`${request.url} broke off after ${received} of ${rangeBytes} bytes.`));
    received += piece.value.byteLength;
    if (received > rangeBytes) throw networkError(`${request.url} gave more than the ${rangeBytes} bytes of its range.`);
    request.onBytes(piece.value);
  }
}

/** What a status means. Returns the size of the file and of the range that follows. */
function checkAnswer(request: RangeRequest, response: Response): { answer: RangeAnswer; rangeBytes: number } {
  const { status } = response;
  const { url } = request;
  if (status === 206) return parseAnswer(request, response);
  if (status === 200) throw noRanges(`${url} was answered as a whole file: the server ignores range requests.`);
  if (status === 404 || status === 410) throw new EngineError('source-not-found', `There is no file at ${url} (status ${status}).`, 'Check the address.');
  if (status === 416) throw new EngineError('file-truncated', `${url} is empty, or shorter than expected (status 416).`, 'Check the file on the server.');
  if (status === 401 || status === 403) {
    throw new EngineError('source-network', `${url} refuses access (status ${status}).`, 'The file is private or gated: download it and open the file itself.');
  }
  const error = networkError(`${url} answered with status ${status}.`);
  if (status >= 500 || status === 408 || status === 429) throw new TransientFailure(error, retryAfterMs(response));
  throw error;
}

function parseAnswer(request: RangeRequest, response: Response): { answer: RangeAnswer; rangeBytes: number } {
  const header = response.headers.get('content-range') ?? '';
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header.trim());
  if (!match) {
    const given = header === '' ? 'does not show the Content-Range of its answer' : `gives the Content-Range "${header.slice(0, 80)}"`;
    throw noRanges(`${request.url} ${given}, so the size of the file is not known.`);
  }
  const [start = 0, last = 0, sizeBytes = 0] = match.slice(1).map(Number);
  const rangeBytes = last - start + 1;
  if (start !== request.offset || rangeBytes < 1 || rangeBytes > request.length || last >= sizeBytes || !Number.isSafeInteger(sizeBytes)) {
    throw networkError(`${request.url} answered the range from ${request.offset} with "${header}".`);
  }
  const validator = response.headers.get('etag') ?? response.headers.get('last-modified') ?? '';
  return { answer: { sizeBytes, validator }, rangeBytes };
}

const MAX_RETRY_AFTER_MS = 30_000;

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 0;
}

function noRanges(message: string): EngineError {
  return new EngineError(
    'source-no-ranges',
    message,
    'Models are read in parts, small ones too. Use a server with range requests (across origins it must expose Content-Range), or download the file and open it.',
  );
}

export function networkError(message: string, cause?: unknown): EngineError {
  return new EngineError('source-network', message, 'Check the connection and the address; the server must also allow requests from this page (CORS).', cause);
}

function timeout(request: RangeRequest): EngineError {
  return new EngineError('source-timeout', `${request.url} sent nothing for ${request.inactivityMs / 1000} s.`, 'Check the connection and try again.');
}
