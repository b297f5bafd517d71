// Random numbers as a function of what they are for, so that a replay draws the same ones. The same arithmetic stands in shaders/lib/random.wgsl.

/** A 32-bit mix of two words (the finaliser of MurmurHash3, public domain, over a xor-multiplied pair). */
export function hash32(a: number, b: number): number {
  let h = (Math.imul(a >>> 0, 0x9e3779b1) ^ Math.imul((b >>> 0) + 0x7f4a7c15, 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Uniform in [0, 1) with 24 bits, so that f32 holds it exactly. */
export function uniformOf(seed: number, step: number): number {
  return (hash32(seed, step) >>> 8) / 16_777_216;
}

/** A seeded stream for tests and generators. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  uint32(): number {
    this.#state = (this.#state + 1) >>> 0;
    return hash32(0x5eed, this.#state * 2654435761);
  }
  /** Uniform in [low, high). */
  float(low = 0, high = 1): number {
    return low + (high - low) * ((this.uint32() >>> 8) / 16_777_216);
  }
  /** Uniform integer in [low, high]. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }
}
