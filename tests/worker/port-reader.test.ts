import { afterEach, expect, test } from 'vitest';
import { PortReader } from '../../src/worker/port-reader';

const readers: Array<PortReader<number>> = [];
function openReader(): PortReader<number> {
  const reader = new PortReader<number>();
  readers.push(reader);
  return reader;
}
afterEach(() => readers.splice(0).forEach((reader) => reader.close()));

const arrival = () => new Promise((resolve) => setTimeout(resolve, 20));

test('gives events in the order in which they came, before and after they are waited for', async () => {
  const reader = openReader();
  reader.remote.postMessage(1);
  reader.remote.postMessage(2);
  await arrival();
  expect([await reader.next(), await reader.next()]).toEqual([1, 2]);
  const third = reader.next();
  reader.remote.postMessage(3);
  reader.remote.postMessage(4);
  expect([await third, await reader.next()]).toEqual([3, 4]);
});

test('posts to the other end, also right before it closes', async () => {
  const reader = openReader();
  const received: unknown[] = [];
  const hasTwo = new Promise<void>((resolve) =>
    reader.remote.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      received.push(data);
      if (received.length === 2) resolve();
    }),
  );
  reader.remote.start();
  reader.post('next');
  reader.post('abort');
  reader.close();
  reader.post('too late');
  await hasTwo;
  await arrival();
  expect(received).toEqual(['next', 'abort']);
});

test('closing answers who waits with undefined, and everybody after', async () => {
  const reader = openReader();
  const waiting = reader.next();
  reader.close();
  reader.close();
  expect(await waiting).toBeUndefined();
  expect(await reader.next()).toBeUndefined();
});
