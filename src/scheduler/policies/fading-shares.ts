// Rows of fading means of "was used: 1, was not: 0". All entries of a row fade by the same factor, so the factor is kept apart and a row costs what was used of
// it, not what it is long.

/** The factor is multiplied in before single precision suffers. */
const SMALLEST_SCALE = 1e-12;

export class FadingShares {
  readonly #length: number;
  /** [row, entry] share / scale of the row. */
  readonly #entries: Float32Array;
  /** [row] */
  readonly #scales: Float64Array;

  constructor(rowCount: number, length: number, start: number) {
    this.#length = length;
    this.#entries = new Float32Array(rowCount * length).fill(start);
    this.#scales = new Float64Array(rowCount).fill(1);
  }

  /** Moves every share of a row towards 1 for what was used and towards 0 for the rest. 0 < rate < 1. */
  move(row: number, used: ArrayLike<number>, rate: number): void {
    const start = row * this.#length;
    let scale = this.#scales[row]! * (1 - rate);
    if (scale < SMALLEST_SCALE) {
      for (let entry = 0; entry < this.#length; entry++) this.#entries[start + entry]! *= scale;
      scale = 1;
    }
    const step = rate / scale;
    for (let i = 0; i < used.length; i++) this.#entries[start + used[i]!]! += step;
    this.#scales[row] = scale;
  }

  share(row: number, entry: number): number {
    return this.#entries[row * this.#length + entry]! * this.#scales[row]!;
  }

  /** sum[entry] += factor · share. */
  addTo(sum: Float32Array, row: number, factor: number): void {
    const start = row * this.#length;
    const scaled = factor * this.#scales[row]!;
    for (let entry = 0; entry < this.#length; entry++) sum[entry]! += this.#entries[start + entry]! * scaled;
  }

  set(row: number, shares: Float32Array): void {
    this.#entries.set(shares, row * this.#length);
    this.#scales[row] = 1;
  }
}
