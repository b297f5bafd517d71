// Option values: text from the command line as numbers, lists and budgets. Each throws EngineError 'invalid-argument' naming the option.

import type { Budget } from '../core/api';
import { EngineError } from '../core/errors';

const MAX_TOKEN_ID = 2 ** 31 - 1;
const MAX_UINT32 = 2 ** 32 - 1;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

export function invalidArgument(message: string, hint = 'See `sluice help` for the options of each command.'): EngineError {
  return new EngineError('invalid-argument', message, hint);
}

/** "1,2,3" → [1, 2, 3]. */
export function parseTokens(text: string): number[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) throw invalidArgument('--tokens names no token.', 'Give token ids with commas between them: --tokens 1,2,3.');
  return words.map((word) => {
    const id = Number(word);
    if (!/^\d+$/.test(word) || id > MAX_TOKEN_ID)
      throw invalidArgument(`--tokens has "${word}", which is not a token id.`, 'Token ids are whole numbers from 0.');
    return id;
  });
}

/** A parser for "25%" as it is; "2000000", "512MB", "1.5GiB" as bytes. */
export function budgetOption(option: string): (text: string) => Budget {
  return (text) => {
    const hint = 'Give a share of all experts such as 25%, or bytes such as 200000000, 200MB or 1.5GiB.';
    const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
    if (percent !== undefined) {
      if (Number(percent) <= 0 || Number(percent) > 100) throw invalidArgument(`${option} is ${text}, which is not above 0% and up to 100%.`, hint);
      return `${Number(percent)}%`;
    }
    return bytesOption(option, hint)(text);
  };
}

/** A parser for sizes: "2000000", "512MB", "1.5GiB". */
export function bytesOption(option: string, hint = 'Give bytes such as 200000000, 200MB or 1.5GiB.'): (text: string) => number {
  return (text) => {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(|[kMG]|Ki|Mi|Gi)B?$/.exec(text) ?? [];
    const bytes = Math.floor(Number(digits) * (UNITS[unit] ?? Number.NaN));
    if (!Number.isSafeInteger(bytes) || bytes < 1) throw invalidArgument(`${option} is "${text}", which is no size.`, hint);
    return bytes;
  };
}

/** A parser for several values with commas between them. */
export function listOption<Value>(parse: (text: string) => Value): (text: string) => Value[] {
  return (text) => text.split(',').map((word) => parse(word.trim()));
}

/** A parser for whole numbers from `low` to `high`. */
export function integerOption(option: string, low: number, high = MAX_UINT32): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high) throw invalidArgument(`${option} is "${text}"; it must be a whole number from ${low} to ${high}.`);
    return value;
  };
}

/** A parser for numbers from `low` to `high`. */
export function numberOption(option: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= low && value <= high)) throw invalidArgument(`${option} is "${text}"; it must be a number from ${low} to ${high}.`);
    return value;
  };
}

/** A parser for one of a few words. */
export function choiceOption<Choice extends string>(option: string, choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw invalidArgument(`${option} is "${text}"; it must be one of ${choices.join(', ')}.`);
    return found;
  };
}

/** For options that may be given several times. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
