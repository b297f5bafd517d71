import { expect, test } from 'vitest';
import { MAX_STEPS_AHEAD, StepsAhead } from '../../src/engine/steps-ahead';

const depthAfter = (isHalted: (step: number) => boolean, steps = 100): number => {
  const ahead = new StepsAhead();
  for (let step = 0; step < steps; step++) ahead.note(isHalted(step));
  return ahead.depth;
};

test('begins at the limit, and stays there while nothing halts', () => {
  expect(new StepsAhead().depth).toBe(MAX_STEPS_AHEAD);
  expect(depthAfter(() => false)).toBe(MAX_STEPS_AHEAD);
});

test('encodes nothing ahead while every step halts, and comes back when they stop', () => {
  expect(depthAfter(() => true)).toBe(0);
  expect(depthAfter((step) => step < 94, 100)).toBe(1);
  expect(depthAfter((step) => step < 80, 110)).toBe(MAX_STEPS_AHEAD);
});

test('the more steps halt, the fewer are encoded ahead', () => {
  const depths = [20, 8, 4, 2, 1].map((every) => depthAfter((step) => step % every === 0));
  expect(depths).toEqual(depths.toSorted((a, b) => b - a));
  expect(new Set(depths).size).toBeGreaterThan(2);
});
