// Load progress with rate and time left, from nothing but byte counts and a clock.

import type { LoadPhase, LoadProgress } from '../core/api';

/** Rates are of the last moments, so that a stall shows. */
const WINDOW_MS = 3000;
/** Reports at most this often, besides the first and last of a phase. */
const REPORT_INTERVAL_MS = 50;

export class ProgressMeter {
  readonly #clock: () => number;
  readonly #report: (progress: LoadProgress) => void;
  #phase: LoadPhase | undefined;
  #samples: Array<{ readonly timeMs: number; readonly bytes: number }> = [];
  #lastReportMs = -Infinity;

  constructor(clock: () => number, report: (progress: LoadProgress) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  update(phase: LoadPhase, bytesDone: number, bytesTotal: number): void {
    const timeMs = this.#clock();
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#samples = [];
      this.#lastReportMs = -Infinity;
    }
    this.#samples.push({ timeMs, bytes: bytesDone });
    while (this.#samples.length > 2 && this.#samples[0]!.timeMs < timeMs - WINDOW_MS) this.#samples.shift();
    const isLast = bytesTotal > 0 && bytesDone >= bytesTotal;
    if (!isLast && timeMs - this.#lastReportMs < REPORT_INTERVAL_MS) return;
    this.#lastReportMs = timeMs;
    const first = this.#samples[0]!;
    const elapsedMs = timeMs - first.timeMs;
    const bytesPerSecond = elapsedMs > 0 ? ((bytesDone - first.bytes) * 1000) / elapsedMs : 0;
    const secondsLeft = bytesPerSecond > 0 && bytesTotal > 0 ? { secondsLeft: Math.max(0, bytesTotal - bytesDone) / bytesPerSecond } : {};
    this.#report({ phase, bytesDone, bytesTotal, bytesPerSecond, ...secondsLeft });
  }
}
