// A load that several callers wait for. Each may give up by its own signal; the load itself is cancelled when the last one has.

import { aborted, throwIfAborted } from '../core/errors';
import { Cancellation } from './cancellation';

export class SharedLoad<T> {
  readonly #cancellation = new Cancellation();
  readonly #result: Promise<T>;
  /** How each caller that waits is told that it need not. */
  readonly #waiters = new Set<() => void>();

  constructor(start: (cancellation: Cancellation) => Promise<T>) {
    this.#result = start(this.#cancellation);
  }

  /** True once the load was told to stop: it cannot be joined. */
  get isCancelled(): boolean {
    return this.#cancellation.isCancelled;
  }

  /** Settles when the load does, whatever its outcome. */
  async finished(): Promise<void> {
    await this.#result.catch(() => undefined); // the callers that joined have the error
  }

  /** The load's outcome, or EngineError 'aborted' as soon as `signal` fires or the load is cancelled. */
  async join(signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    let giveUp = () => {};
    const gaveUp = new Promise<never>((_, reject) => (giveUp = () => reject(aborted())));
    this.#waiters.add(giveUp);
    signal?.addEventListener('abort', giveUp);
    try {
      return await Promise.race([this.#result, gaveUp]);
    } finally {
      signal?.removeEventListener('abort', giveUp);
      this.#waiters.delete(giveUp);
      if (this.#waiters.size === 0) this.cancel();
    }
  }

  cancel(): void {
    this.#cancellation.cancel();
    for (const giveUp of this.#waiters) giveUp();
  }
}
