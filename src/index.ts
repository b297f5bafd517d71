// The library: the engine in a worker, its types and its errors. The components are in elements.ts.

export { Engine } from './worker/client';
export { EngineError, ENGINE_ERROR_CODES, type EngineErrorCode, type PlainEngineError } from './core/errors';
export { TIERS, TIER_INDEX, type RoutingFrame, type Tier } from './core/routing-frame';
export type * from './core/api';
export type * from './core/model-description';
