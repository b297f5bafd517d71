import { describe, expect, test } from 'vitest';
import { Random, hash32, uniformOf } from '../../src/core/random';

/** 99.9 % quantile of chi-squared with 15 degrees of freedom. */
const CHI_SQUARED_LIMIT = 37.7;

describe('uniformOf', () => {
  test('is a function of seed and step', () => {
    expect(uniformOf(7, 3)).toBe(uniformOf(7, 3));
    expect(new Set([uniformOf(7, 3), uniformOf(7, 4), uniformOf(8, 3), uniformOf(3, 7)]).size).toBe(4);
  });

  test('is in [0, 1) and exact in f32', () => {
    for (let step = 0; step < 1000; step++) {
      const value = uniformOf(0xffffffff, step);
      expect(value >= 0 && value < 1).toBe(true);
      expect(Math.fround(value)).toBe(value);
    }
  });

  // A request draws over steps with one seed; requests with seeds 0, 1, 2, … draw at step 0. Both must spread evenly.
  test.each([
    ['steps of one seed', (i: number) => uniformOf(42, i)],
    ['first steps of neighbouring seeds', (i: number) => uniformOf(i, 0)],
    ['steps of seed 0', (i: number) => uniformOf(0, i)],
  ])('%s spread evenly', (_, draw) => {
    expect(chiSquared(Array.from({ length: 8000 }, (_value, i) => draw(i)))).toBeLessThan(CHI_SQUARED_LIMIT);
  });

  test.each([0, 1, 12_345])('one step of seed %i tells nothing about the next', (seed) => {
    const values = Array.from({ length: 4000 }, (_, i) => (uniformOf(seed, i) - 0.5) * (uniformOf(seed, i + 1) - 0.5));
    // Mean 0, deviation 1 / 12 each.
    expect(Math.abs(values.reduce((a, b) => a + b, 0) / 4000)).toBeLessThan((3.3 * (1 / 12)) / Math.sqrt(4000));
  });
});

test('hash32 changes about half of its bits with any bit of either word', () => {
  for (let bit = 0; bit < 32; bit++) {
    let flips = 0;
    for (let i = 0; i < 200; i++) {
      const a = hash32(i, 1);
      const b = hash32(77, i);
      flips += bitCount(hash32(i ^ (1 << bit), 1) ^ a) + bitCount(hash32(77, i ^ (1 << bit)) ^ b);
    }
    expect(Math.abs(flips / 400 - 16)).toBeLessThan(2);
  }
});

describe('Random', () => {
  test('the same seed gives the same numbers, another seed others', () => {
    const numbers = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 5 }, () => random.uint32());
    };
    expect(numbers(5)).toEqual(numbers(5));
    expect(numbers(5)).not.toEqual(numbers(6));
  });

  test('floats and integers fill their ranges evenly', () => {
    const random = new Random(9);
    expect(chiSquared(Array.from({ length: 8000 }, () => (random.float(-2, 6) + 2) / 8))).toBeLessThan(CHI_SQUARED_LIMIT);
    expect(chiSquared(Array.from({ length: 8000 }, () => (random.integer(-3, 12) + 3.5) / 16))).toBeLessThan(CHI_SQUARED_LIMIT);
  });
});

/** Of values in [0, 1) over 16 equal bins. */
function chiSquared(values: readonly number[]): number {
  const counts = Array.from({ length: 16 }, () => 0);
  for (const value of values) counts[Math.floor(value * 16)]!++;
  const expected = values.length / 16;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

function bitCount(word: number): number {
  return (word >>> 0).toString(2).replaceAll('0', '').length;
}
