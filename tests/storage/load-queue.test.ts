import { describe, expect, it } from 'vitest';
import type { FetchUrgency } from '../../src/core/expert-supply';
import { Cancellation } from '../../src/storage/cancellation';
import { FETCHES_IN_FLIGHT_MAX, LoadQueue, type LoadTicket, type LoadUrgency } from '../../src/storage/load-queue';

class Work {
  readonly queue = new LoadQueue();
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly #tickets = new Map<string, LoadTicket>();

  add(name: string, urgency: LoadUrgency, cancellation = new Cancellation()): Promise<void> {
    const ticket: LoadTicket = { urgency };
    this.#tickets.set(name, ticket);
    return this.queue.run(
      ticket,
      () => {
        this.started.push(name);
        return new Promise((resolve) => this.#ends.set(name, resolve));
      },
      cancellation,
    );
  }

  addMany(count: number, urgency: LoadUrgency): void {
    for (let index = 0; index < count; index++) void this.add(`${urgency} ${index}`, urgency);
  }

  raise(name: string, urgency: FetchUrgency): void {
    this.queue.raise(this.#tickets.get(name)!, urgency);
  }

  async end(...names: string[]): Promise<void> {
    for (const name of names) this.#ends.get(name)!();
    await turn();
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('LoadQueue', () => {
  it('starts the most urgent first, each kind in the order in which it came', async () => {
    const work = new Work();
    work.addMany(FETCHES_IN_FLIGHT_MAX.demand, 'demand');
    await turn();
    for (const urgency of ['fill', 'prefetch', 'look-ahead', 'demand'] as const) {
      for (const part of ['a', 'b']) void work.add(`late ${urgency} ${part}`, urgency);
    }
    await turn();
    expect(work.started).toHaveLength(FETCHES_IN_FLIGHT_MAX.demand);
    const order = [];
    while (order.length < 8) {
      const before = work.started.length;
      await work.end(...work.started.slice(0, before));
      order.push(...work.started.slice(before));
    }
    expect(order).toEqual(['demand', 'look-ahead', 'prefetch', 'fill'].flatMap((urgency) => [`late ${urgency} a`, `late ${urgency} b`]));
  });

  it.each(['demand', 'look-ahead', 'prefetch'] as const)('has a limit for %s', async (urgency) => {
    const work = new Work();
    work.addMany(40, urgency);
    await turn();
    expect(work.started).toHaveLength(FETCHES_IN_FLIGHT_MAX[urgency]);
    await work.end(`${urgency} 0`);
    expect(work.started).toHaveLength(FETCHES_IN_FLIGHT_MAX[urgency] + 1);
  });

  it('keeps places free for demand while look-ahead runs', async () => {
    const work = new Work();
    work.addMany(40, 'look-ahead');
    await turn();
    work.addMany(40, 'demand');
    await turn();
    expect(work.started.filter((name) => name.startsWith('demand'))).toHaveLength(FETCHES_IN_FLIGHT_MAX.demand - FETCHES_IN_FLIGHT_MAX['look-ahead']);
  });

  it('leaves all places to fetches while the fill runs, and starts no more of the fill beside them', async () => {
    const work = new Work();
    work.addMany(40, 'fill');
    await turn();
    expect(work.started).toHaveLength(40);
    work.addMany(40, 'demand');
    void work.add('late fill', 'fill');
    await turn();
    expect(work.started.filter((name) => name.startsWith('demand'))).toHaveLength(FETCHES_IN_FLIGHT_MAX.demand);
    work.raise('fill 0', 'demand');
    await work.end('demand 0');
    expect(work.started).toHaveLength(40 + FETCHES_IN_FLIGHT_MAX.demand); // the one that was raised has the place
    await work.end('fill 0');
    expect(work.started).toHaveLength(41 + FETCHES_IN_FLIGHT_MAX.demand);
    expect(work.started).not.toContain('late fill');
  });

  it('starts no prefetch while something more urgent is under way', async () => {
    const work = new Work();
    void work.add('look', 'look-ahead');
    void work.add('pre', 'prefetch');
    await turn();
    expect(work.started).toEqual(['look']);
    await work.end('look');
    expect(work.started).toEqual(['look', 'pre']);
  });

  it('moves what waits when its urgency is raised, and never lowers it', async () => {
    const work = new Work();
    void work.add('look', 'look-ahead');
    void work.add('pre 1', 'prefetch');
    void work.add('pre 2', 'prefetch');
    await turn();
    work.raise('pre 2', 'demand');
    work.raise('pre 2', 'prefetch');
    await turn();
    expect(work.started).toEqual(['look', 'pre 2']);
    await work.end('look');
    expect(work.started).toEqual(['look', 'pre 2']);
    await work.end('pre 2');
    expect(work.started).toEqual(['look', 'pre 2', 'pre 1']);
  });

  it('lets what waits give up, and starts what it held back', async () => {
    const work = new Work();
    const cancellation = new Cancellation();
    work.addMany(FETCHES_IN_FLIGHT_MAX['look-ahead'], 'look-ahead');
    const waiting = work.add('gives up', 'look-ahead', cancellation);
    cancellation.cancel();
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' });
    await work.end('look-ahead 0');
    expect(work.started).not.toContain('gives up');
    await expect(work.add('never', 'demand', cancellation)).rejects.toMatchObject({ code: 'aborted' });
  });
});
