import { describe, expect, test } from 'vitest';
import { decodeBfloat16, encodeBfloat16, encodeHalf, halfTable } from '../../src/core/half';
import { Random } from '../../src/core/random';

describe('binary16', () => {
  test.each([
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65_504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ])('0x%s is %d', (bits, value) => {
    expect(halfTable()[bits]).toBe(value);
    expect(encodeHalf(value)).toBe(bits);
  });

  test('minus zero keeps its sign, and NaN stays NaN', () => {
    expect(Object.is(halfTable()[0x8000], -0)).toBe(true);
    expect(encodeHalf(-0)).toBe(0x8000);
    expect(halfTable()[0x7c01]).toBeNaN();
    expect(halfTable()[encodeHalf(NaN)]).toBeNaN();
  });

  test('all 63,488 finite halves survive decoding and encoding', () => {
    const changed = halfTable().reduce<number[]>((list, value, bits) => (Number.isFinite(value) && encodeHalf(value) !== bits ? [...list, bits] : list), []);
    expect(changed).toEqual([]);
  });

  test('what lies halfway goes to the even neighbour', () => {
    expect(encodeHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(encodeHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(encodeHalf(2 ** -25)).toBe(0x0000);
    expect(encodeHalf(3 * 2 ** -25)).toBe(0x0002);
    // From the largest subnormal half to the smallest normal one.
    expect(encodeHalf(1023.5 * 2 ** -24)).toBe(0x0400);
    expect(encodeHalf(65_519)).toBe(0x7bff);
    expect(encodeHalf(65_520)).toBe(0x7c00);
  });

  test('every number goes to its nearest half', () => {
    const random = new Random(1);
    const numbers = Array.from({ length: 5000 }, () => Math.fround(random.float(-1, 1) * 2 ** random.integer(-26, 15)));
    const distance = (bits: number, value: number): number => Math.abs(halfTable()[bits & 0xffff]! - value);
    expect(
      numbers.filter((value) => {
        const bits = encodeHalf(value);
        return distance(bits - 1, value) < distance(bits, value) || distance(bits + 1, value) < distance(bits, value);
      }),
    ).toEqual([]);
  });
});

describe('bfloat16', () => {
  test.each([
    [0x0000, 0],
    [0x3f80, 1],
    [0xc000, -2],
    [0x7f80, Infinity],
  ])('0x%s is %d', (bits, value) => {
    expect(decodeBfloat16(bits)).toBe(value);
    expect(encodeBfloat16(value)).toBe(bits);
  });

  test('all finite bfloat16 numbers survive decoding and encoding', () => {
    const changed = [];
    for (let bits = 0; bits < 65_536; bits++) if ((bits & 0x7f80) !== 0x7f80 && encodeBfloat16(decodeBfloat16(bits)) !== bits) changed.push(bits);
    expect(changed).toEqual([]);
  });

  test('what lies halfway goes to the even neighbour', () => {
    expect(encodeBfloat16(1 + 2 ** -8)).toBe(0x3f80);
    expect(encodeBfloat16(1 + 3 * 2 ** -8)).toBe(0x3f82);
  });

  test('NaN stays NaN, whatever its payload', () => {
    const everyBit = new Float32Array(Uint32Array.of(0x7fffffff).buffer)[0]!;
    expect(decodeBfloat16(encodeBfloat16(NaN))).toBeNaN();
    expect(decodeBfloat16(encodeBfloat16(everyBit))).toBeNaN();
  });
});
