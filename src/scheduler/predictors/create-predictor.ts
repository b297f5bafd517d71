// The one place where predictors have names.

import { EngineError } from '../../core/errors';
import { ForecastPredictor } from './forecast';
import { MarkovPredictor } from './markov';
import type { PredictorShape, RoutePredictor } from './predictor';
import { PopularPredictor, PreviousTokenPredictor, TokenTablePredictor } from './simple';

const PREDICTORS: ReadonlyMap<string, (shape: PredictorShape) => RoutePredictor> = new Map<string, (shape: PredictorShape) => RoutePredictor>([
  ['popular', (shape) => new PopularPredictor(shape)],
  ['previous-token', (shape) => new PreviousTokenPredictor(shape)],
  ['markov-1', (shape) => new MarkovPredictor(1, shape)],
  ['markov-2', (shape) => new MarkovPredictor(2, shape)],
  ['token-table', (shape) => new TokenTablePredictor(shape)],
  ['forecast', (shape) => new ForecastPredictor(shape)],
]);

export const PREDICTOR_NAMES: readonly string[] = [...PREDICTORS.keys()];

/** Throws 'invalid-argument'. */
export function createPredictor(name: string, shape: PredictorShape): RoutePredictor {
  const create = PREDICTORS.get(name);
  if (!create) throw new EngineError('invalid-argument', `The predictor "${name}" is not known.`, `Use one of ${PREDICTOR_NAMES.join(', ')}.`);
  return create(shape);
}
