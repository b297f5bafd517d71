// Comparing arrays of numbers.

/** Σ (actual - expected)² / Σ expected². NaN when anything is NaN, so `toBeLessThan` fails. */
export function nmse(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers, ${expected.length} expected`);
  let errors = 0;
  let squares = 0;
  for (let i = 0; i < expected.length; i++) {
    errors += (actual[i]! - expected[i]!) ** 2;
    squares += expected[i]! ** 2;
  }
  return errors / squares;
}

/** The floats as words: equal exactly when the bits are. */
export function bitsOf(values: Float32Array | readonly number[]): number[] {
  return [...new Uint32Array(Float32Array.from(values).buffer)];
}

export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** log softmax(values)[index]. */
export function logSoftmax(values: ArrayLike<number>, index: number): number {
  const highest = values[argmax(values)]!;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - highest);
  return values[index]! - highest - Math.log(sum);
}
