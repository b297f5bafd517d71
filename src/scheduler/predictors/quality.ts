// How good predictions are: of what a layer used, how much was among the q experts predicted (recall@q); of what was predicted, how much was used (precision).

import { type Trace, routeOf, weightsOf } from '../../probe/trace';
import type { RoutePredictor } from './predictor';

export interface PredictionQuality {
  readonly q: number;
  readonly recall: number;
  readonly precision: number;
}

/** Runs the predictor over the trace, learning as it goes. */
export function predictionQuality(trace: Trace, predictor: RoutePredictor, q: number): PredictionQuality {
  let used = 0;
  let predicted = 0;
  let right = 0;
  for (let token = 0; token < trace.tokenCount; token++) {
    predictor.startToken(token, trace.tokenIds?.[token]);
    for (let layer = 0; layer < trace.layerCount; layer++) {
      const guess = predictor.predict(layer, q);
      const route = routeOf(trace, token, layer);
      used += route.length;
      predicted += guess.length;
      right += guess.filter((expert) => route.includes(expert)).length;
      predictor.tell(layer, route, weightsOf(trace, token, layer));
    }
  }
  return { q, recall: used > 0 ? right / used : 0, precision: predicted > 0 ? right / predicted : 0 };
}
