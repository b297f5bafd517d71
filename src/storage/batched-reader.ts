// Reads of single experts, asked for in the same turn, as few transactions: a halt asks for several experts at once, each by its own call. A transaction holds
// reads of one urgency, the most urgent first, since its first read waits for its last.

import { type LoadUrgency, isMoreUrgent } from './load-queue';
import type { ExpertId, ModelLibrary, ReadOptions, RecordRead } from './model-library';

/** Experts read in one transaction, at most: the first of them waits for the last. */
const READ_BATCH_MAX_COUNT = 16;

interface Request {
  readonly id: ExpertId;
  readonly urgency: LoadUrgency;
  readonly resolve: (read: RecordRead) => void;
  readonly reject: (thrown: unknown) => void;
}

export class BatchedReader {
  readonly #library: ModelLibrary;
  readonly #options: ReadOptions;
  #waiting: Request[] = [];

  constructor(library: ModelLibrary, options: ReadOptions) {
    this.#library = library;
    this.#options = options;
  }

  read(id: ExpertId, urgency: LoadUrgency): Promise<RecordRead> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, urgency, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const requests = this.#waiting.sort((a, b) => Number(isMoreUrgent(b.urgency, a.urgency)) - Number(isMoreUrgent(a.urgency, b.urgency)));
    this.#waiting = [];
    while (requests.length > 0) {
      const { urgency } = requests[0]!;
      const end = requests.findIndex((request, index) => request.urgency !== urgency || index === READ_BATCH_MAX_COUNT);
      this.#readBatch(requests.splice(0, end === -1 ? requests.length : end));
    }
  }

  #readBatch(batch: readonly Request[]): void {
    const ids = batch.map(({ id }) => id);
    this.#library.readExperts(ids, this.#options).then(
      (reads) => batch.forEach(({ resolve }, index) => resolve(reads[index]!)),
      (thrown: unknown) => batch.forEach(({ reject }) => reject(thrown)),
    );
  }
}
