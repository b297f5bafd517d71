// The default: keeps what is likeliest to be wanted soonest. Three estimates of how likely a layer's next token uses an expert are added up:
//   next    what followed, in this layer, the experts that the last token used (a first-order Markov table, row by row a fading mean)
//   usual   how often it was used over about the last 50 tokens
//   recent  the same over about the last 10
// and the sum is worth less the later the layer's turn comes: layers that are still to run for this token come before those that have just run, so slots
// move along with the token, as in the exact optimum. Rates and factors were found on recorded routes; neighbouring values do nearly as well.

import type { PolicyShape, Ranking } from '../policy';

const USUAL_RATE = 1 / 50;
const RECENT_RATE = 1 / 10;
const RECENT_FACTOR = 0.3;
/** What a use is worth that comes one token later. */
const DISCOUNT = 0.3;
/** A row of the table moves by 1 / uses at first, later by this. */
const FOLLOW_RATE = 1 / 50;
/** How many uses the even start of a row stands for. */
const PRIOR_USES = 4;

export class ForecastRanking implements Ranking {
  readonly #shape: PolicyShape;
  // [layer, expert]
  readonly #next: Float32Array;
  readonly #usual: Float32Array;
  readonly #recent: Float32Array;
  /** [layer, from, to] share of the tokens that used `to` right after a token that used `from`. */
  readonly #follow: Float32Array;
  /** [layer, from] uses, and those that the start stands for. */
  readonly #followUses: Float32Array;
  /** [layer] experts of the last token. */
  readonly #previous: Uint16Array[];
  /** [layers ahead, 1 … layerCount] */
  readonly #nearness: Float64Array;
  #layer = 0;

  constructor(shape: PolicyShape) {
    const { layerCount, expertCount, expertsPerToken } = shape;
    this.#shape = shape;
    const even = () => new Float32Array(layerCount * expertCount).fill(expertsPerToken / expertCount);
    this.#next = even();
    this.#usual = even();
    this.#recent = even();
    this.#follow = new Float32Array(layerCount * expertCount * expertCount).fill(expertsPerToken / expertCount);
    this.#followUses = new Float32Array(layerCount * expertCount).fill(PRIOR_USES);
    this.#previous = Array.from({ length: layerCount }, () => new Uint16Array(0));
    this.#nearness = Float64Array.from({ length: layerCount + 1 }, (_, ahead) => DISCOUNT ** (ahead / layerCount));
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    const { expertCount } = this.#shape;
    const row = layer * expertCount;
    fade(this.#usual.subarray(row, row + expertCount), experts, USUAL_RATE);
    fade(this.#recent.subarray(row, row + expertCount), experts, RECENT_RATE);
    for (const from of this.#previous[layer]!) {
      const uses = ++this.#followUses[row + from]!;
      fade(this.#followers(layer, from), experts, Math.max(FOLLOW_RATE, 1 / uses));
    }
    this.#previous[layer] = remember(this.#previous[layer]!, experts);
    const next = this.#next.subarray(row, row + expertCount).fill(0);
    for (let i = 0; i < experts.length; i++) {
      const followers = this.#followers(layer, experts[i]!);
      for (let expert = 0; expert < expertCount; expert++) next[expert]! += followers[expert]! / experts.length;
    }
    this.#layer = layer;
  }

  value(layer: number, expert: number): number {
    const { layerCount, expertCount } = this.#shape;
    const at = layer * expertCount + expert;
    const ahead = layer > this.#layer ? layer - this.#layer : layer - this.#layer + layerCount;
    return this.#nearness[ahead]! * (this.#next[at]! + this.#usual[at]! + RECENT_FACTOR * this.#recent[at]!);
  }

  seed(profile: Float32Array): void {
    const { layerCount, expertCount } = this.#shape;
    for (const estimate of [this.#next, this.#usual, this.#recent]) estimate.set(profile);
    for (let layer = 0; layer < layerCount; layer++) {
      const usual = profile.subarray(layer * expertCount, (layer + 1) * expertCount);
      for (let from = 0; from < expertCount; from++) this.#followers(layer, from).set(usual);
    }
  }

  #followers(layer: number, from: number): Float32Array {
    const { expertCount } = this.#shape;
    const start = (layer * expertCount + from) * expertCount;
    return this.#follow.subarray(start, start + expertCount);
  }
}

/** Moves every share towards 1 for the used experts and 0 for the others. */
function fade(shares: Float32Array, used: ArrayLike<number>, rate: number): void {
  const kept = 1 - rate;
  for (let expert = 0; expert < shares.length; expert++) shares[expert]! *= kept;
  for (let i = 0; i < used.length; i++) shares[used[i]!]! += rate;
}

/** A copy in the same memory when the length allows, which it does from token to token. */
function remember(memory: Uint16Array, experts: ArrayLike<number>): Uint16Array {
  if (memory.length !== experts.length) return Uint16Array.from(experts);
  memory.set(experts);
  return memory;
}
