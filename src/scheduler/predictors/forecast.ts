// The default policy's own estimate as a prediction: what it would keep first, it fetches first.

import { ForecastRanking } from '../policies/forecast';
import { type PredictorShape, type RoutePredictor, largest } from './predictor';

export class ForecastPredictor implements RoutePredictor {
  readonly name = 'forecast';
  readonly #ranking: ForecastRanking;
  readonly #scores: Float32Array;

  constructor({ layerCount, expertCount, topK }: PredictorShape) {
    this.#ranking = new ForecastRanking({ layerCount, expertCount, expertsPerToken: topK });
    this.#scores = new Float32Array(expertCount);
  }

  startToken(): void {}

  predict(layer: number, count: number): readonly number[] {
    this.#scores.forEach((_, expert) => (this.#scores[expert] = this.#ranking.value(layer, expert)));
    return largest(this.#scores, count);
  }

  tell(layer: number, experts: ArrayLike<number>): void {
    this.#ranking.touch(layer, experts);
  }
}
