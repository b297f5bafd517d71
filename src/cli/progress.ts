// Load progress on standard error: one line that is redrawn on a terminal, and one line per phase elsewhere (logs).

import type { LoadPhase, LoadProgress } from '../core/api';
import { formatBytes } from '../core/units';
import type { TerminalIo } from './io';

const PHASES: Readonly<Record<LoadPhase, string>> = {
  open: 'Opening the model',
  trunk: 'Loading the trunk',
  experts: 'Loading experts',
  compile: 'Preparing kernels',
  ready: 'Ready',
};
const BAR_WIDTH = 24;
const REDRAW_MS = 100;
const CLEAR_LINE = '\r\u001b[K';

export class ProgressLine {
  readonly #io: TerminalIo;
  #phase: LoadPhase | undefined;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;

  constructor(io: TerminalIo) {
    this.#io = io;
  }

  update(progress: LoadProgress): void {
    const isNewPhase = progress.phase !== this.#phase;
    this.#phase = progress.phase;
    if (!this.#io.isInteractive) {
      if (isNewPhase && progress.phase !== 'ready') this.#io.err(`${PHASES[progress.phase]}\n`);
      return;
    }
    const nowMs = this.#io.now();
    if (!isNewPhase && nowMs - this.#drawnAtMs < REDRAW_MS) return;
    this.#drawnAtMs = nowMs;
    this.#isOpen = true;
    this.#io.err(CLEAR_LINE + describeProgress(progress).slice(0, this.#io.columnCount - 1));
  }

  /** Removes the line, so that what follows begins on an empty one. */
  close(): void {
    if (this.#isOpen) this.#io.err(CLEAR_LINE);
    this.#isOpen = false;
  }
}

/** "Loading experts  [######------]  12.3 MB of 22.8 MB · 45.1 MB/s · 3 s left". Parts that are not known are left out. */
export function describeProgress({ phase, bytesDone, bytesTotal, bytesPerSecond, secondsLeft }: LoadProgress): string {
  if (bytesTotal === 0) return bytesDone === 0 ? PHASES[phase] : `${PHASES[phase]}  ${formatBytes(bytesDone)}`;
  const filled = Math.round(Math.min(1, bytesDone / bytesTotal) * BAR_WIDTH);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
  const facts = [`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`];
  if (bytesPerSecond > 0) facts.push(`${formatBytes(bytesPerSecond)}/s`);
  if (secondsLeft !== undefined) facts.push(`${describeSeconds(secondsLeft)} left`);
  return `${PHASES[phase]}  ${bar}  ${facts.join(' · ')}`;
}

function describeSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
