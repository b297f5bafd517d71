// Loads of experts, the most urgent first, with a limit on how many are under way. What was begun is never broken off for something more urgent; instead the
// less urgent kinds may fill only a part of the places, so that a halted token always finds one free.

import { defined } from '../core/assert';
import { aborted } from '../core/errors';
import type { FetchUrgency } from '../core/expert-supply';
import type { Cancellation } from './cancellation';

/** 'fill' is the background download of what nobody has asked for. */
export type LoadUrgency = FetchUrgency | 'fill';

const RANKS: Readonly<Record<LoadUrgency, number>> = { demand: 0, 'look-ahead': 1, prefetch: 2, fill: 3 };

/** A fetch of this urgency starts only while fewer fetches than this are under way. Downloads are limited further by the source, the fill by itself. */
export const FETCHES_IN_FLIGHT_MAX: Readonly<Record<FetchUrgency, number>> = { demand: 16, 'look-ahead': 12, prefetch: 4 };

/** Starts only when nothing more urgent waits or is under way: it would share the disk or the line with it. */
const isIdleWork = (urgency: LoadUrgency) => RANKS[urgency] >= RANKS.prefetch;

export function isMoreUrgent(a: LoadUrgency, b: LoadUrgency): boolean {
  return RANKS[a] < RANKS[b];
}

/** One load in the queue or under way. */
export interface LoadTicket {
  readonly urgency: LoadUrgency;
}

interface Ticket extends LoadTicket {
  urgency: LoadUrgency;
}

interface Waiting {
  readonly ticket: Ticket;
  readonly start: () => void;
}

export class LoadQueue {
  readonly #waiting: Waiting[] = [];
  readonly #running = new Set<Ticket>();

  /** Runs the task when its turn comes. Rejects with 'aborted' while waiting; the task itself must heed its cancellation. */
  async run<T>(ticket: LoadTicket, task: () => Promise<T>, cancellation: Cancellation): Promise<T> {
    if (cancellation.isCancelled) throw aborted();
    if (this.#waiting.length === 0 && this.#mayStart(ticket)) this.#running.add(ticket);
    else await this.#turn(ticket, cancellation.signal);
    try {
      return await task();
    } finally {
      this.#running.delete(ticket);
      this.#startWhatMay();
    }
  }

  raise(ticket: LoadTicket, urgency: LoadUrgency): void {
    if (!isMoreUrgent(urgency, ticket.urgency)) return;
    (ticket as Ticket).urgency = urgency;
    this.#startWhatMay();
  }

  #turn(ticket: LoadTicket, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(aborted());
        this.#startWhatMay();
      };
      const start = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const waiting = { ticket, start };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      this.#startWhatMay();
    });
  }

  #startWhatMay(): void {
    while (this.#waiting.length > 0) {
      let first = 0;
      this.#waiting.forEach(({ ticket }, index) => {
        if (isMoreUrgent(ticket.urgency, defined(this.#waiting[first]).ticket.urgency)) first = index;
      });
      const { ticket, start } = defined(this.#waiting[first]);
      if (!this.#mayStart(ticket)) return; // nor may anything less urgent
      this.#waiting.splice(first, 1);
      this.#running.add(ticket);
      start();
    }
  }

  #mayStart({ urgency }: LoadTicket): boolean {
    const running = [...this.#running];
    if (isIdleWork(urgency) && running.some((other) => isMoreUrgent(other.urgency, urgency))) return false;
    return urgency === 'fill' || running.filter((other) => other.urgency !== 'fill').length < FETCHES_IN_FLIGHT_MAX[urgency];
  }
}
