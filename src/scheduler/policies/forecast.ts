// The default: keeps what is likeliest to be wanted soonest. Three estimates of how likely a layer's next token uses an expert are added up:
//   next    from what followed, in this layer, each of the experts that the last token used (a first-order Markov table, row by row a fading mean): for those
//           experts themselves how often they stayed, for the others the mean of the rows
//   usual   how often it was used over about the last 50 tokens
//   recent  the same over about the last 10
// and the sum is worth less the later the layer's turn comes: layers that are still to run for this token come before those that have just run, so slots
// move along with the token, as in the exact optimum. Rates and factors were found on recorded routes; neighbouring values do nearly as well.

import type { PolicyShape, Ranking } from '../policy';
import { FadingShares } from './fading-shares';

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
  /** [layer] of [expert] */
  readonly #usual: FadingShares;
  readonly #recent: FadingShares;
  /** [layer, from] of [to]: share of the tokens that used `to` right after a token that used `from`. */
  readonly #follow: FadingShares;
  /** [layer, from] uses, and those that the start stands for. */
  readonly #followUses: Float32Array;
  /** [layer] experts of the last token. */
  readonly #previous: Uint16Array[];
  /** [layer, expert] the sum of the three; made when it is asked for, so that a token without misses costs next to nothing. */
  readonly #likelihood: Float32Array;
  readonly #isCurrent: Uint8Array;
  /** [layers ahead, 1 … layerCount] */
  readonly #nearness: Float64Array;
  #layer = 0;

  constructor(shape: PolicyShape) {
    const { layerCount, expertCount, expertsPerToken } = shape;
    const even = expertsPerToken / expertCount;
    this.#shape = shape;
    this.#usual = new FadingShares(layerCount, expertCount, even);
    this.#recent = new FadingShares(layerCount, expertCount, even);
    this.#follow = new FadingShares(layerCount * expertCount, expertCount, even);
    this.#followUses = new Float32Array(layerCount * expertCount).fill(PRIOR_USES);
    this.#previous = Array.from({ length: layerCount }, () => new Uint16Array(0));
    this.#likelihood = new Float32Array(layerCount * expertCount);
    this.#isCurrent = new Uint8Array(layerCount);
    this.#nearness = Float64Array.from({ length: layerCount + 1 }, (_, ahead) => DISCOUNT ** (ahead / layerCount));
  }

  touch(layer: number, experts: ArrayLike<number>): void {
    this.#usual.move(layer, experts, USUAL_RATE);
    this.#recent.move(layer, experts, RECENT_RATE);
    const row = layer * this.#shape.expertCount;
    for (const from of this.#previous[layer]!) {
      const uses = ++this.#followUses[row + from]!;
      this.#follow.move(row + from, experts, Math.max(FOLLOW_RATE, 1 / uses));
    }
    this.#previous[layer] = remember(this.#previous[layer]!, experts);
    this.#isCurrent[layer] = 0;
    this.#layer = layer;
  }

  value(layer: number, expert: number): number {
    if (this.#isCurrent[layer] === 0) this.#estimate(layer);
    const { layerCount, expertCount } = this.#shape;
    const ahead = layer > this.#layer ? layer - this.#layer : layer - this.#layer + layerCount;
    return this.#nearness[ahead]! * this.#likelihood[layer * expertCount + expert]!;
  }

  seed(profile: Float32Array): void {
    const { layerCount, expertCount } = this.#shape;
    for (let layer = 0; layer < layerCount; layer++) {
      const row = layer * expertCount;
      const usual = profile.subarray(row, row + expertCount);
      this.#usual.set(layer, usual);
      this.#recent.set(layer, usual);
      for (let from = 0; from < expertCount; from++) this.#follow.set(row + from, usual);
    }
    this.#isCurrent.fill(0);
  }

  #estimate(layer: number): void {
    const { expertCount } = this.#shape;
    const row = layer * expertCount;
    const likelihood = this.#likelihood.subarray(row, row + expertCount).fill(0);
    const previous = this.#previous[layer]!;
    for (const from of previous) this.#follow.addTo(likelihood, row + from, 1 / previous.length);
    for (const from of previous) likelihood[from] = this.#follow.share(row + from, from);
    this.#usual.addTo(likelihood, layer, 1);
    this.#recent.addTo(likelihood, layer, RECENT_FACTOR);
    this.#isCurrent[layer] = 1;
  }
}

/** A copy in the same memory when the length allows, which it does from token to token. */
function remember(memory: Uint16Array, experts: ArrayLike<number>): Uint16Array {
  if (memory.length !== experts.length) return Uint16Array.from(experts);
  memory.set(experts);
  return memory;
}
