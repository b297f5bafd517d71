// A terminal for tests of src/cli: keeps what was written, with a clock that stands still unless moved.

import { setMaxListeners } from 'node:events';
import type { TerminalIo } from '../../src/cli/io';

export class TestTerminal implements TerminalIo {
  stdout = '';
  stderr = '';
  nowMs = 0;
  readonly cancel = new AbortController();
  readonly signal = this.cancel.signal;

  constructor(
    readonly isInteractive = false,
    readonly columnCount = 120,
  ) {
    setMaxListeners(0, this.signal); // as the program does
  }

  out(text: string): void {
    this.stdout += text;
  }
  err(text: string): void {
    this.stderr += text;
  }
  now(): number {
    return this.nowMs;
  }
}
