// Reads of single experts, asked for in the same turn, as few transactions: a halt asks for several experts at once, each by its own call.

import type { ExpertId, ModelLibrary, RecordRead } from './model-library';

/** Experts read in one transaction, at most: the first of them waits for the last. */
const READ_BATCH_MAX_COUNT = 16;

interface Request {
  readonly id: ExpertId;
  readonly resolve: (read: RecordRead) => void;
  readonly reject: (thrown: unknown) => void;
}

export class BatchedReader {
  readonly #library: ModelLibrary;
  #waiting: Request[] = [];

  constructor(library: ModelLibrary) {
    this.#library = library;
  }

  read(id: ExpertId): Promise<RecordRead> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const requests = this.#waiting;
    this.#waiting = [];
    for (let first = 0; first < requests.length; first += READ_BATCH_MAX_COUNT) {
      const batch = requests.slice(first, first + READ_BATCH_MAX_COUNT);
      this.#library.readExperts(batch.map(({ id }) => id)).then(
        (reads) => batch.forEach(({ resolve }, index) => resolve(reads[index]!)),
        (thrown: unknown) => batch.forEach(({ reject }) => reject(thrown)),
      );
    }
  }
}
