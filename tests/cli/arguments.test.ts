import { describe, expect, test } from 'vitest';
import { budgetOption, choiceOption, integerOption, numberOption, parseTokens } from '../../src/cli/arguments';
import type { EngineError } from '../../src/core/errors';

const invalid = expect.objectContaining({ code: 'invalid-argument' }) as EngineError;
const thrownBy = (body: () => unknown): unknown => {
  try {
    return body();
  } catch (thrown) {
    return thrown;
  }
};

describe('tokens', () => {
  test('are whole numbers with commas or spaces between them', () => {
    expect(parseTokens('1,2,3')).toEqual([1, 2, 3]);
    expect(parseTokens(' 0, 4095\n7,')).toEqual([0, 4095, 7]);
  });
  test.each(['', ',', '-1', '1.5', '1e3', 'a', '0x10', '99999999999'])('"%s" is refused', (text) => {
    expect(thrownBy(() => parseTokens(text))).toEqual(invalid);
  });
});

describe('budgets', () => {
  test.each([
    ['25%', '25%'],
    ['12.5%', '12.5%'],
    ['100%', '100%'],
    ['2000000', 2_000_000],
    ['200MB', 200_000_000],
    ['1.5GiB', 1_610_612_736],
    ['64Ki', 65_536],
  ])('%s is %s', (text, expected) => {
    expect(budgetOption('--gpu-budget')(text)).toBe(expected);
  });
  test.each(['', '0', '0%', '101%', '-5%', '%', '5 %', 'all', '1TB', '1e9', 'Infinity'])('"%s" is refused', (text) => {
    expect(thrownBy(() => budgetOption('--gpu-budget')(text))).toEqual(invalid);
  });
});

describe('numbers and words', () => {
  test('stay in their range, and the message names option and range', () => {
    expect(integerOption('--seed', 0)('4294967295')).toBe(4_294_967_295);
    expect(thrownBy(() => integerOption('--seed', 0)('4294967296'))).toEqual(invalid);
    expect(numberOption('--top-p', 0, 1)('0.95')).toBe(0.95);
    for (const text of ['', 'NaN', '1.01', '-0.1', 'x'])
      expect(
        thrownBy(() => numberOption('--top-p', 0, 1)(text)),
        text,
      ).toEqual(invalid);
    expect(thrownBy(() => integerOption('--max-tokens', 1, 10)('0'))).toHaveProperty('message', '--max-tokens is "0"; it must be a whole number from 1 to 10.');
  });
  test('a choice is one of its words', () => {
    const parse = choiceOption('--backend', ['auto', 'webgpu', 'cpu']);
    expect(parse('cpu')).toBe('cpu');
    expect(thrownBy(() => parse('cuda'))).toEqual(invalid);
  });
});
