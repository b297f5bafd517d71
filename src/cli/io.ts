// The terminal as commands see it, so that tests can stand in for one. Results go to `out`, everything else to `err`.

export interface TerminalIo {
  out(text: string): void;
  err(text: string): void;
  /** Whether `err` is a terminal that lines can be redrawn on. */
  readonly isInteractive: boolean;
  /** Width of that terminal in characters. */
  readonly columnCount: number;
  /** Fires when the user cancels. */
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. */
  now(): number;
}
