// Where the wall time of answers goes, in parts that do not overlap:
//   compute    handing work to the device (the CPU backend does it there and then), and waiting for it: prompt chunks, and steps that went through
//   halt       waiting for the device: steps that missed an expert (from the point that missed on, they only scouted)
//   read, checksum, upload   while experts were waited for: reading them, checking them, writing them to the device
//   wait       the rest of that time: queues, transactions, the event loop
// Uploads happen in the host's turn, so their time is the host's; what the device does with them later is part of compute.

import type { AnswerTimes } from '../core/api';
import type { SupplyStats } from '../core/expert-supply';

type SupplyTimes = Pick<SupplyStats, 'readMs' | 'checksumMs'>;

export class TimeLedger {
  readonly #clock: () => number;
  readonly #supplyTimes: () => SupplyTimes;
  readonly #totals = { computeMs: 0, haltMs: 0, readMs: 0, checksumMs: 0, uploadMs: 0, waitMs: 0 };
  #uploadBusyMs = 0;

  constructor(clock: () => number, supplyTimes: () => SupplyTimes) {
    this.#clock = clock;
    this.#supplyTimes = supplyTimes;
  }

  /** Milliseconds since the engine was opened. */
  totals(): AnswerTimes {
    return { ...this.#totals };
  }

  /** Waits for the device; `partOf` says of the outcome which part it was. */
  async device<T>(work: Promise<T>, partOf: (outcome: T) => 'computeMs' | 'haltMs'): Promise<T> {
    const began = this.#clock();
    const outcome = await work;
    this.#totals[partOf(outcome)] += this.#clock() - began;
    return outcome;
  }

  submit(work: () => void): void {
    const began = this.#clock();
    work();
    this.#totals.computeMs += this.#clock() - began;
  }

  upload(work: () => void): void {
    const began = this.#clock();
    work();
    this.#uploadBusyMs += this.#clock() - began;
  }

  /** Waits for experts. What was busy meanwhile is cut to the time that passed, since reads overlap one another. */
  async loading<T>(work: () => Promise<T>): Promise<T> {
    const began = this.#clock();
    const before = this.#supplyTimes();
    const uploadBefore = this.#uploadBusyMs;
    try {
      return await work();
    } finally {
      const after = this.#supplyTimes();
      let left = this.#clock() - began;
      const take = (part: 'readMs' | 'checksumMs' | 'uploadMs' | 'waitMs', busyMs: number) => {
        const taken = Math.min(left, busyMs);
        this.#totals[part] += taken;
        left -= taken;
      };
      take('uploadMs', this.#uploadBusyMs - uploadBefore);
      take('checksumMs', after.checksumMs - before.checksumMs);
      take('readMs', after.readMs - before.readMs);
      take('waitMs', left);
    }
  }
}
