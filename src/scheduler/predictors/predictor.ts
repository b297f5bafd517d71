// What a layer will use, guessed before its router has run. Predictors are told every route as it becomes known, layer by layer and token by token, and learn
// only from that; they are replaceable, and are compared on traces.

import type { TraceShape } from '../../probe/trace';

export interface RoutePredictor {
  readonly name: string;
  /** A token begins. `index`: its number since the predictor was made. `tokenId`: when known. */
  startToken(index: number, tokenId?: number): void;
  /** At most `count` experts that the layer will use for the present token, likeliest first. Asked before that route is told. */
  predict(layer: number, count: number): readonly number[];
  /** The layer's route for the present token, strongest first. */
  tell(layer: number, experts: ArrayLike<number>, weights?: ArrayLike<number>): void;
}

export type PredictorShape = TraceShape;

/** The `count` largest above 0, largest first; ties: the lowest index. */
export function largest(scores: Float32Array, count: number): number[] {
  const best: number[] = [];
  if (count <= 0) return best;
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index]!;
    if (score <= 0 || (best.length === count && score <= scores[best[count - 1]!]!)) continue;
    let at = Math.min(best.length, count - 1);
    while (at > 0 && scores[best[at - 1]!]! < score) {
      best[at] = best[at - 1]!;
      at--;
    }
    best[at] = index;
  }
  return best;
}
