// A model file, wherever it is: bytes by range. Implementations: HTTP range requests, File/Blob, Node file, memory (tests).

export interface Source {
  /** For messages: a URL or a file name. */
  readonly name: string;
  /** Changes when the content does (size plus ETag or modification time); part of the key of stored records. Known after `size`. */
  readonly identity: string;
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `offset`. Rejects with EngineError ('file-truncated' when the range is not in the file, 'source-…', 'aborted'). */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  close?(): Promise<void>;
}
