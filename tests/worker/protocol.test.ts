// Replies and errors as they cross the worker border: through structured clone.

import { describe, expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors';
import { type Reply, reply, unwrap } from '../../src/worker/protocol';

async function acrossTheBorder<T>(work: () => T | Promise<T>): Promise<Reply<T>> {
  return structuredClone(await reply(work));
}

async function thrownBy(work: () => unknown): Promise<EngineError> {
  const answer = await acrossTheBorder(work);
  try {
    unwrap(answer);
  } catch (thrown) {
    return thrown as EngineError;
  }
  throw new Error('nothing was thrown');
}

test('a value arrives, from plain and from asynchronous work', async () => {
  expect(unwrap(await acrossTheBorder(() => [1, 2]))).toEqual([1, 2]);
  expect(unwrap(await acrossTheBorder(async () => null))).toBeNull();
});

describe('an error', () => {
  test('arrives whole', async () => {
    const original = new EngineError('storage-quota', 'No room.', 'Make room.', new RangeError('17 bytes too many'));
    const error = await thrownBy(() => Promise.reject(original));
    expect(error).toBeInstanceOf(EngineError);
    expect(error.toPlain()).toEqual({ code: 'storage-quota', message: 'No room.', hint: 'Make room.', cause: 'RangeError: 17 bytes too many' });
  });

  test('without a cause has none on the other side', async () => {
    const error = await thrownBy(() => {
      throw new EngineError('not-gguf', 'No model.', 'Choose another file.');
    });
    expect(error.cause).toBeUndefined();
    expect('cause' in error.toPlain()).toBe(false);
  });

  test('that is an abort is "aborted", and one that nobody foresaw is "internal" with what it said', async () => {
    expect((await thrownBy(() => Promise.reject(new DOMException('stop', 'AbortError')))).code).toBe('aborted');
    const bug = await thrownBy(() => {
      throw new TypeError('x is not a function');
    });
    expect(bug.toPlain()).toMatchObject({ code: 'internal', message: 'TypeError: x is not a function', cause: 'TypeError: x is not a function' });
  });
});
