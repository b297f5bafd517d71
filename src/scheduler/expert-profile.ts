// How often each expert is used, over a long past: what is kept of a model between two loads. Old uses fade by halves, so that a profile follows its reader.

import type { PolicyShape } from './policy';

/** Tokens after which what was counted so far counts half. */
const MEMORY_TOKENS = 8192;
/** How many tokens an earlier profile stands for at most: enough to steer, little enough to be outweighed within a conversation. */
const SEED_TOKENS = 1024;

export class ExpertProfile {
  readonly #expertCount: number;
  /** [layer, expert] */
  readonly #uses: Float32Array;
  /** [layer] */
  readonly #tokens: Float32Array;

  constructor({ layerCount, expertCount }: PolicyShape) {
    this.#expertCount = expertCount;
    this.#uses = new Float32Array(layerCount * expertCount);
    this.#tokens = new Float32Array(layerCount);
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    const row = layer * this.#expertCount;
    for (let i = 0; i < experts.length; i++) this.#uses[row + experts[i]!]!++;
    if (++this.#tokens[layer]! < MEMORY_TOKENS) return;
    this.#tokens[layer]! /= 2;
    for (let expert = 0; expert < this.#expertCount; expert++) this.#uses[row + expert]! /= 2;
  }

  usesPerToken(): Float32Array {
    return this.#uses.map((uses, at) => uses / Math.max(1, this.#tokens[Math.floor(at / this.#expertCount)]!));
  }

  seed(usesPerToken: Float32Array): void {
    this.#tokens.fill(SEED_TOKENS);
    this.#uses.forEach((_, at) => (this.#uses[at] = usesPerToken[at]! * SEED_TOKENS));
  }
}
