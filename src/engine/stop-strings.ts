// Stop strings end an answer before they appear in it. Text that could be the beginning of one is held back until it is decided.

export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';
  isStopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  /** The text that is certain to be part of the answer. */
  push(text: string): string {
    if (this.isStopped) return '';
    const all = this.#held + text;
    const ends = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.isStopped = true;
      this.#held = '';
      return all.slice(0, Math.min(...ends));
    }
    const heldLength = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = all.slice(all.length - heldLength);
    return all.slice(0, all.length - heldLength);
  }

  /** What was held back, when the answer ends for another reason. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Length of the longest end of `text` that is a beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
