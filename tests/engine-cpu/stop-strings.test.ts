import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StopStrings } from '../../src/engine/stop-strings';

/** Few letters, so that beginnings of stop strings are everywhere. */
const letters = (minLength: number, maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength, maxLength });
const pieces = fc.array(letters(0, 4), { maxLength: 20 });

/** What came out with each piece, and what was left at the end. */
function run(stops: readonly string[], parts: readonly string[]): { readonly shown: string; readonly rest: string; readonly isStopped: boolean } {
  const strings = new StopStrings(stops);
  const shown = parts.map((part) => strings.push(part)).join('');
  return { shown, rest: strings.end(), isStopped: strings.isStopped };
}

describe('stop strings', () => {
  test('one stop string ends the text where it first begins, however the text is cut', () => {
    fc.assert(
      fc.property(letters(1, 5), pieces, (stop, parts) => {
        const whole = parts.join('');
        const at = whole.indexOf(stop);
        const { shown, rest, isStopped } = run([stop], parts);
        expect(isStopped).toBe(at >= 0);
        expect(shown + rest).toBe(at >= 0 ? whole.slice(0, at) : whole);
      }),
      { numRuns: 2000 },
    );
  });

  test('of several, none appears, and only what could become one is held back', () => {
    fc.assert(
      fc.property(fc.array(letters(1, 5), { minLength: 1, maxLength: 3 }), pieces, (stops, parts) => {
        const whole = parts.join('');
        const { shown, rest, isStopped } = run(stops, parts);
        expect(whole.startsWith(shown + rest)).toBe(true);
        expect(stops.some((stop) => (shown + rest).includes(stop))).toBe(false);
        expect(isStopped).toBe(stops.some((stop) => whole.includes(stop)));
        if (!isStopped) {
          expect(shown + rest).toBe(whole);
          expect(rest === '' || stops.some((stop) => stop.startsWith(rest))).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('without stop strings, and with empty ones, all goes through at once', () => {
    expect(run([], ['ab', 'c'])).toEqual({ shown: 'abc', rest: '', isStopped: false });
    expect(run([''], ['ab', 'c'])).toEqual({ shown: 'abc', rest: '', isStopped: false });
  });
});
