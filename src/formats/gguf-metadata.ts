// The key-value part of a GGUF header. Keys are looked up through typed getters, so that a value that is missing or of another type is an EngineError that
// names the key, wherever it is first needed.

import { EngineError } from '../core/errors';

/** 64-bit integers that a double cannot hold exactly stay bigint. */
export type GgufValue = number | bigint | boolean | string | GgufArray;
export type GgufArray = readonly string[] | readonly boolean[] | readonly (number | bigint)[] | readonly GgufArray[];

/** Whole numbers and fractions of one size, in no more memory than in the file. */
export type NumberList = ArrayLike<number> & Iterable<number>;

/** Where the values come from. A Map is one. */
export interface GgufValues {
  readonly size: number;
  has(key: string): boolean;
  keys(): Iterable<string>;
  get(key: string): GgufValue | undefined;
  /** A list of numbers; undefined when there is none of this name or the value is another one. Default: from `get`. */
  numbers?(key: string): NumberList | undefined;
}

export class GgufMetadata {
  readonly #values: GgufValues;

  constructor(values: GgufValues) {
    this.#values = values;
  }

  get size(): number {
    return this.#values.size;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The value as it is in the file, of any type. */
  get(key: string): GgufValue | undefined {
    return this.#values.get(key);
  }

  *entries(): IterableIterator<[string, GgufValue]> {
    for (const key of this.#values.keys()) {
      const value = this.#values.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** Each getter: the value; the fallback when the key is absent; 'file-corrupt' when it is absent without fallback, or of another type. */
  string(key: string, fallback?: string): string {
    return this.#typed(key, fallback, 'a string', (value): value is string => typeof value === 'string');
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#typed(key, fallback, 'a boolean', (value): value is boolean => typeof value === 'boolean');
  }

  /** Any number, not NaN or infinite. */
  float(key: string, fallback?: number): number {
    return this.#typed(key, fallback, 'a finite number', (value): value is number => typeof value === 'number' && Number.isFinite(value));
  }

  /** An integer in [minimum, maximum]. */
  integer(key: string, minimum: number, maximum: number, fallback?: number): number {
    const expected = `an integer from ${minimum} to ${maximum}`;
    return this.#typed(key, fallback, expected, (value): value is number => Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum);
  }

  strings(key: string, fallback?: readonly string[]): readonly string[] {
    return this.#typed(key, fallback, 'a list of strings', (value): value is readonly string[] => isListOf(value, 'string'));
  }

  numbers(key: string, fallback?: NumberList): NumberList {
    const numbers = this.#values.numbers?.(key);
    if (numbers || (fallback && !this.has(key))) return numbers ?? fallback ?? [];
    return this.#typed(key, undefined, 'a list of numbers', (value): value is readonly number[] => isListOf(value, 'number'));
  }

  #typed<T extends GgufValue>(key: string, fallback: T | undefined, expected: string, is: (value: GgufValue) => value is T): T {
    const value = this.#values.get(key);
    if (value === undefined) {
      if (fallback !== undefined) return fallback;
      throw corruptKey(`The metadata key "${key}" is missing.`);
    }
    if (!is(value)) throw corruptKey(`The metadata key "${key}" should be ${expected}, and is ${brief(value)}.`);
    return value;
  }
}

function isListOf(value: GgufValue, type: 'string' | 'number'): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === type);
}

function corruptKey(message: string): EngineError {
  return new EngineError('file-corrupt', message, 'Get the file again, or a newer conversion of the model.');
}

/** A value for an error message, short whatever it is. */
function brief(value: GgufValue): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return value.length > 40 ? `"${value.slice(0, 40)}…"` : `"${value}"`;
  return String(value);
}
