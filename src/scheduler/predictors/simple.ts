// Predictors that need little: what the last token used, what is used most, what this very token used before, and ids that somebody else has foreseen.

import { type PredictorShape, type RoutePredictor, largest } from './predictor';

/** The hottest experts of the layer so far. */
export class PopularPredictor implements RoutePredictor {
  readonly name: string = 'popular';
  readonly expertCount: number;
  /** [layer, expert] */
  readonly #uses: Float32Array;

  constructor({ layerCount, expertCount }: PredictorShape) {
    this.expertCount = expertCount;
    this.#uses = new Float32Array(layerCount * expertCount);
  }

  startToken(_index: number, _tokenId?: number): void {}

  predict(layer: number, count: number): readonly number[] {
    return largest(this.#uses.subarray(layer * this.expertCount, (layer + 1) * this.expertCount), count);
  }

  tell(layer: number, experts: ArrayLike<number>): void {
    for (let i = 0; i < experts.length; i++) this.#uses[layer * this.expertCount + experts[i]!]!++;
  }
}

/** The layer's experts of the last token, then the hottest. */
export class PreviousTokenPredictor extends PopularPredictor {
  override readonly name = 'previous-token';
  readonly #previous = new Map<number, readonly number[]>();

  override predict(layer: number, count: number): readonly number[] {
    const previous = this.#previous.get(layer) ?? [];
    return firstOf(previous, super.predict(layer, count + previous.length), count);
  }

  override tell(layer: number, experts: ArrayLike<number>): void {
    super.tell(layer, experts);
    this.#previous.set(layer, Array.from(experts));
  }
}

/** Token ids with a row: more than a vocabulary's common part, less than memory that hurts. */
const MAX_TOKEN_IDS = 16_384;

/** What the layer used for this token id before, most often first, then the hottest (Speculative MoE's token table). */
export class TokenTablePredictor extends PopularPredictor {
  override readonly name = 'token-table';
  readonly #layerCount: number;
  /** token id → [layer, expert] uses */
  readonly #tables = new Map<number, Uint16Array>();
  #tokenId: number | undefined;

  constructor(shape: PredictorShape) {
    super(shape);
    this.#layerCount = shape.layerCount;
  }

  override startToken(_index: number, tokenId?: number): void {
    this.#tokenId = tokenId;
  }

  override predict(layer: number, count: number): readonly number[] {
    const table = this.#tokenId === undefined ? undefined : this.#tables.get(this.#tokenId);
    const row = table?.subarray(layer * this.expertCount, (layer + 1) * this.expertCount);
    const known = row ? largest(Float32Array.from(row), count) : [];
    return firstOf(known, super.predict(layer, count + known.length), count);
  }

  override tell(layer: number, experts: ArrayLike<number>): void {
    super.tell(layer, experts);
    if (this.#tokenId === undefined) return;
    let table = this.#tables.get(this.#tokenId);
    if (!table) {
      if (this.#tables.size >= MAX_TOKEN_IDS) return;
      table = new Uint16Array(this.#layerCount * this.expertCount);
      this.#tables.set(this.#tokenId, table);
    }
    for (let i = 0; i < experts.length; i++) {
      const at = layer * this.expertCount + experts[i]!;
      table[at] = Math.min(65_535, table[at]! + 1);
    }
  }
}

/** Ids recorded beforehand: look-ahead by the next layers' routers, or a trace itself. `ids`: [token, layer, width], likeliest first. */
export class RecordedPredictor implements RoutePredictor {
  readonly name: string;
  readonly #layerCount: number;
  readonly #width: number;
  readonly #ids: Uint16Array;
  #token = 0;

  constructor(name: string, { layerCount }: PredictorShape, ids: Uint16Array, width: number) {
    this.name = name;
    this.#layerCount = layerCount;
    this.#ids = ids;
    this.#width = width;
  }

  startToken(index: number): void {
    this.#token = index;
  }

  predict(layer: number, count: number): readonly number[] {
    const start = (this.#token * this.#layerCount + layer) * this.#width;
    return Array.from(this.#ids.subarray(start, start + Math.min(count, this.#width)));
  }

  tell(): void {}
}

function firstOf(first: readonly number[], then: readonly number[], count: number): number[] {
  return [...first, ...then.filter((expert) => !first.includes(expert))].slice(0, count);
}
