import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/units';
import { WriteQueue } from '../../src/storage/write-queue';

function slowQueue(maxBytes?: number) {
  const batches: number[][] = [];
  const gates: Array<{ resolve(): void; reject(thrown: unknown): void }> = [];
  const failures: unknown[] = [];
  const events = {
    write: (batch: ReadonlyArray<readonly [number, Uint8Array]>) => {
      batches.push(batch.map(([key]) => key));
      return new Promise<void>((resolve, reject) => gates.push({ resolve, reject }));
    },
    onWritten: () => {},
    onFailed: (thrown: unknown) => failures.push(thrown),
  };
  return { queue: new WriteQueue(events, maxBytes), batches, gates, failures };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('WriteQueue', () => {
  it('never holds more than its maximum, whatever is offered', async () => {
    const { queue, gates, batches } = slowQueue(1000);
    let taken = 0;
    for (let key = 0; key < 100; key++) {
      if (queue.offer(key, new Uint8Array(300))) taken++;
      expect(queue.heldBytes).toBeLessThanOrEqual(1000);
    }
    expect(taken).toBe(3);
    let hasRoom = false;
    const room = queue.room(300).then(() => (hasRoom = true));
    await turn();
    expect([batches, hasRoom]).toEqual([[[0, 1, 2]], false]);
    gates[0]!.resolve();
    await room;
    expect(queue.offer(100, new Uint8Array(5000))).toBe(true); // alone, a record larger than the maximum passes
    expect(queue.offer(101, new Uint8Array(1))).toBe(false);
    await turn();
    gates[1]!.resolve();
    await queue.settled();
    expect([queue.count, queue.heldBytes]).toEqual([0, 0]);
  });

  it('cuts batches by size', async () => {
    const { queue, gates, batches } = slowQueue();
    for (let key = 0; key < 5; key++) queue.offer(key, new Uint8Array(3 * MiB));
    for (let index = 0; index < 3; index++) {
      await turn();
      gates[index]!.resolve();
    }
    await queue.settled();
    expect(batches).toEqual([[0, 1], [2, 3], [4]]);
  });

  it('stops at the first failure and lets those go who wait for room', async () => {
    const { queue, gates, failures } = slowQueue(1000);
    queue.offer(1, new Uint8Array(1000));
    const room = queue.room(1000);
    await turn();
    gates[0]!.reject('full');
    await room;
    await queue.settled();
    expect([failures, queue.isStopped, queue.count, queue.offer(2, new Uint8Array(1))]).toEqual([['full'], true, 0, false]);
  });
});
