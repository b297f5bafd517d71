// Asserts that something fails as the world's failures must: with an EngineError of a given code that says what happened and what to do.

import { expect } from 'vitest';
import { EngineError, type EngineErrorCode } from '../../src/core/errors';

export async function expectEngineError(action: () => unknown, code: EngineErrorCode, message?: RegExp | string): Promise<void> {
  let thrown: unknown;
  try {
    await action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, `nothing was thrown, '${code}' was expected`).toBeInstanceOf(EngineError);
  const error = thrown as EngineError;
  expect(error.code, error.message).toBe(code);
  if (message !== undefined) expect(`${error.message} ${error.hint}`).toMatch(message);
  expect(error.hint.length).toBeGreaterThan(0);
}
