/** States what must hold if our own code is right. What users and files can get wrong throws an EngineError instead. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The value, when our own code guarantees that it is there (array reads under noUncheckedIndexedAccess). */
export function defined<T>(value: T | undefined | null, what = 'value'): T {
  assert(value !== undefined && value !== null, `${what} is missing`);
  return value;
}
