import { expect, it } from 'vitest';
import { BusyTime } from '../../src/storage/busy-time';

it('counts overlapping work once, gaps not at all, and what is under way up to now', async () => {
  let nowMs = 100;
  const busy = new BusyTime(() => nowMs);
  busy.begin(); // 100
  nowMs = 110;
  busy.begin();
  nowMs = 125;
  busy.end();
  expect(busy.totalMs).toBe(25);
  nowMs = 130;
  busy.end();
  nowMs = 200;
  expect(busy.totalMs).toBe(30);
  await expect(
    busy.during(async () => {
      nowMs = 207;
      throw new Error('broken');
    }),
  ).rejects.toThrow('broken');
  nowMs = 300;
  expect(busy.totalMs).toBe(37);
});
