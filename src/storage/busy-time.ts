// How long at least one of several overlapping pieces of work was under way: its length on the wall, not the sum of the pieces.

import { assert } from '../core/assert';

export class BusyTime {
  readonly #clock: () => number;
  #runningCount = 0;
  #sinceMs = 0;
  #endedMs = 0;

  /** `clock` gives milliseconds from any origin. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  get totalMs(): number {
    return this.#endedMs + (this.#runningCount > 0 ? this.#clock() - this.#sinceMs : 0);
  }

  begin(): void {
    if (this.#runningCount++ === 0) this.#sinceMs = this.#clock();
  }

  end(): void {
    assert(this.#runningCount > 0, 'work ends that did not begin');
    if (--this.#runningCount === 0) this.#endedMs += this.#clock() - this.#sinceMs;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.begin();
    try {
      return await work();
    } finally {
      this.end();
    }
  }
}
