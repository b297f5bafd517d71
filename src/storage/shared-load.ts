// A load that several callers wait for. Each may give up by its own signal; the load itself is cancelled when the last one has.

import { aborted, throwIfAborted } from '../core/errors';

export class SharedLoad<T> {
  readonly #controller = new AbortController();
  readonly #result: Promise<T>;
  #waiterCount = 0;

  constructor(start: (signal: AbortSignal) => Promise<T>) {
    this.#result = start(this.#controller.signal);
  }

  /** True once the load was told to stop: it cannot be joined. */
  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Settles when the load does, whatever its outcome. */
  async finished(): Promise<void> {
    await this.#result.catch(() => undefined); // the callers that joined have the error
  }

  /** The load's outcome, or EngineError 'aborted' as soon as `signal` fires or the load is cancelled. */
  async join(signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    this.#waiterCount++;
    const own = this.#controller.signal;
    let giveUp = () => {};
    const gaveUp = new Promise<never>((_, reject) => (giveUp = () => reject(aborted())));
    signal?.addEventListener('abort', giveUp);
    own.addEventListener('abort', giveUp);
    try {
      return await Promise.race([this.#result, gaveUp]);
    } finally {
      signal?.removeEventListener('abort', giveUp);
      own.removeEventListener('abort', giveUp);
      this.#waiterCount--;
      if (this.#waiterCount === 0) this.cancel();
    }
  }

  cancel(): void {
    this.#controller.abort();
  }
}
