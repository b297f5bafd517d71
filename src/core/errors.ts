// Errors that the world causes. Our own bugs use `assert`. Every error that leaves the library is an EngineError with a code from the closed set below,
// a sentence that says what happened, and a hint that says what to do next. It survives structured clone as plain data (toPlain / fromPlain).

export const ENGINE_ERROR_CODES = [
  'invalid-argument', // a request or option is malformed; the message names the field
  'not-gguf', // the file does not start with the GGUF magic
  'unsupported-version', // a GGUF version that is not 2 or 3
  'file-truncated', // the file ends before something it promised
  'file-corrupt', // a count, offset, type or string in the file is impossible; the message names the field
  'unsupported-architecture', // general.architecture is not in the table of models
  'unsupported-tensor-type', // a tensor is stored in a block format that has no decoder
  'unsupported-tokenizer', // tokenizer.ggml.model / pre is not known
  'tensor-missing', // a tensor that the architecture needs is not in the file
  'tensor-mismatch', // a tensor has other dimensions than the metadata says
  'invalid-template', // the chat template does not parse, fails, or takes too long
  'source-not-found', // the URL answers 404, or the file does not exist
  'source-no-ranges', // the server ignores or refuses Range requests
  'source-network', // the network failed, or the server answered with an error
  'source-timeout', // no byte arrived in time
  'source-changed', // the file behind the URL changed while or since it was read
  'prompt-too-long', // the prompt does not fit in the context
  'no-adapter', // WebGPU was asked for and there is no adapter
  'device-lost', // the GPU device was lost (driver reset, out of memory, watchdog)
  'out-of-memory', // a GPU or CPU allocation failed
  'storage-unavailable', // IndexedDB cannot be opened (private window, blocked)
  'storage-quota', // the browser refuses to store more
  'record-corrupt', // a stored record fails its checksum and cannot be fetched again
  'aborted', // the caller's AbortSignal fired
  'disposed', // the engine was disposed
  'internal', // a bug of ours that crossed the border
] as const;

export type EngineErrorCode = (typeof ENGINE_ERROR_CODES)[number];

export interface PlainEngineError {
  readonly code: EngineErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly cause?: string;
}

export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly hint: string;

  constructor(code: EngineErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'EngineError';
    this.code = code;
    this.hint = hint;
  }

  toPlain(): PlainEngineError {
    const plain = { code: this.code, message: this.message, hint: this.hint };
    return this.cause === undefined ? plain : { ...plain, cause: describe(this.cause) };
  }

  static fromPlain(plain: PlainEngineError): EngineError {
    return new EngineError(plain.code, plain.message, plain.hint, plain.cause);
  }

  /** Any thrown value as an EngineError: itself, an abort, or 'internal'. */
  static from(thrown: unknown): EngineError {
    if (thrown instanceof EngineError) return thrown;
    if (thrown instanceof DOMException && thrown.name === 'AbortError') return aborted();
    return new EngineError('internal', describe(thrown), 'This is a bug in Sluice; please report it with the steps that led here.', thrown);
  }
}

export function aborted(): EngineError {
  return new EngineError('aborted', 'The operation was cancelled.', 'Start it again when you want it; nothing was lost.');
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted();
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
