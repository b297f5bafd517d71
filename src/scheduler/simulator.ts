// Replays a trace through the same residency and policies as the engine, against a virtual clock. The clock has one transfer at a time (read, then upload) next
// to the computing: a miss halts the token until its experts have come; what a predictor asks for comes while layers compute, and only if its transfer can begin
// before its layer's turn. The cache is empty at first, and those misses count.

import { type Trace, routeOf, weightsOf } from '../probe/trace';
import { composePolicy } from './compose-policy';
import { createPolicy } from './create-policy';
import { BeladyRanking } from './policies/belady';
import { EvenQuotas, NoQuotas } from './policies/quotas';
import type { PolicyShape, ResidencyPolicy } from './policy';
import { createPredictor } from './predictors/create-predictor';
import type { RoutePredictor } from './predictors/predictor';
import { Residency } from './residency';

export interface CostModel {
  /** From disk or network. */
  readonly readBytesPerSecond: number;
  readonly uploadBytesPerSecond: number;
  /** One layer of one token, with its experts there. */
  readonly computeMsPerLayer: number;
  /** What a halt costs besides its transfers: the readback and the replay. */
  readonly haltMs: number;
}

/** A laptop: OPFS through a reused buffer, a mapped upload ring, a readback as in Chrome. */
export const LAPTOP_COST: CostModel = { readBytesPerSecond: 1.5e9, uploadBytesPerSecond: 1.8e9, computeMsPerLayer: 0.4, haltMs: 1 };

export interface SimulationOptions {
  readonly trace: Trace;
  /** As createPolicy names it; or belady, belady/even. */
  readonly policy: string;
  readonly slotCount: number;
  readonly slotBytes: number;
  readonly cost?: CostModel;
  /** As createPredictor names it, or one of your own. */
  readonly predictor?: string | RoutePredictor;
  /** Experts predicted per layer; top-k by default. */
  readonly predictedCount?: number;
}

export interface PrefetchResult {
  readonly loads: number;
  /** Of the loads, how many were used at the layer's next turn. */
  readonly usefulRatio: number;
  readonly wastedBytes: number;
  /** Time that tokens would have waited longer had useful loads begun when they were missed. */
  readonly stallMsAvoided: number;
}

export interface SimulationResult {
  readonly policy: string;
  readonly slotCount: number;
  /** Share of the routed-to experts that were in a slot when their layer's turn came. */
  readonly hitRate: number;
  readonly hits: number;
  readonly misses: number;
  /** (token, layer) pairs with at least one miss. */
  readonly missPairs: number;
  /** (token, layer) pairs that waited: for a miss, or for a prefetch still on its way. */
  readonly stalls: number;
  /** Brought in, prefetches included. */
  readonly bytes: number;
  readonly tokensPerSecond: number;
  readonly prefetch?: PrefetchResult;
}

export const BOUND_NAMES: readonly string[] = ['belady', 'belady/even'];

export function simulate({ trace, policy: policyName, slotCount, slotBytes, cost = LAPTOP_COST, ...options }: SimulationOptions): SimulationResult {
  const { layerCount, expertCount, topK, tokenCount } = trace;
  const layers = Array.from({ length: layerCount }, (_, layer) => layer);
  const policy = policyFor(policyName, trace);
  const residency = new Residency(layers, Math.min(Math.max(slotCount, topK), layerCount * expertCount), policy);
  const predictor = typeof options.predictor === 'string' ? createPredictor(options.predictor, trace) : options.predictor;
  const prefetcher = predictor && new Prefetcher(predictor, residency, options.predictedCount ?? topK);
  const transferMs = 1000 * (slotBytes / cost.readBytesPerSecond + slotBytes / cost.uploadBytesPerSecond);
  const clock = { nowMs: 0, transfersEndMs: 0, transferMs, layerMs: cost.computeMsPerLayer };
  let hits = 0;
  let loads = 0;
  let missPairs = 0;
  let stalls = 0;

  for (let token = 0; token < tokenCount; token++) {
    predictor?.startToken(token, trace.tokenIds?.[token]);
    // The first layer's prediction had to wait for the token.
    prefetcher?.fetch(0, clock, () => false);
    for (let layer = 0; layer < layerCount; layer++) {
      const route = routeOf(trace, token, layer);
      const weights = weightsOf(trace, token, layer);
      policy.touch(layer, route, weights);
      const arrivedMs = prefetcher?.settle(layer, route, clock) ?? 0;
      const missCount = residency.admit(layer, route).length;
      hits += route.length - missCount;
      loads += missCount;
      if (missCount > 0 || arrivedMs > clock.nowMs) stalls++;
      clock.nowMs = Math.max(clock.nowMs, arrivedMs);
      if (missCount > 0) {
        missPairs++;
        clock.transfersEndMs = Math.max(clock.transfersEndMs, clock.nowMs) + missCount * transferMs;
        clock.nowMs = clock.transfersEndMs + cost.haltMs;
      }
      predictor?.tell(layer, route, weights);
      if (layer + 1 < layerCount) prefetcher?.fetch(layer + 1, clock, (l, e) => l === layer && route.includes(e));
      clock.nowMs += cost.computeMsPerLayer;
    }
  }
  const misses = tokenCount * layerCount * topK - hits;
  return {
    policy: policyName,
    slotCount: residency.slotCount,
    hitRate: hits / Math.max(1, hits + misses),
    hits,
    misses,
    missPairs,
    stalls,
    bytes: (loads + (prefetcher?.loads ?? 0)) * slotBytes,
    tokensPerSecond: clock.nowMs > 0 ? (1000 * tokenCount) / clock.nowMs : 0,
    ...(prefetcher && { prefetch: prefetcher.result(slotBytes) }),
  };
}

interface Clock {
  nowMs: number;
  transfersEndMs: number;
  readonly transferMs: number;
  readonly layerMs: number;
}

/** Loads on suspicion: one layer's predictions at a time, from when they are made to when the layer's route is known. */
class Prefetcher {
  loads = 0;
  #useful = 0;
  #savedMs = 0;
  readonly #predictor: RoutePredictor;
  readonly #residency: Residency;
  readonly #predictedCount: number;
  /** Expert → when its transfer ends. */
  #coming = new Map<number, number>();

  constructor(predictor: RoutePredictor, residency: Residency, predictedCount: number) {
    this.#predictor = predictor;
    this.#residency = residency;
    this.#predictedCount = predictedCount;
  }

  fetch(layer: number, clock: Clock, isPinned: (layer: number, expert: number) => boolean): void {
    this.#coming = new Map();
    const predicted = this.#predictor.predict(layer, this.#predictedCount);
    const missing = predicted.filter((expert) => this.#residency.slotOf(layer, expert) === undefined);
    const waitMs = Math.max(0, clock.transfersEndMs - clock.nowMs);
    const timely = missing.slice(0, Math.max(0, Math.ceil((clock.layerMs - waitMs) / clock.transferMs)));
    // The predicted that are there already stay; so does what the present layer computes with.
    const keeps = (l: number, e: number) => isPinned(l, e) || (l === layer && predicted.includes(e));
    for (const { expert } of this.#residency.admit(layer, timely, { optional: true, isPinned: keeps })) {
      clock.transfersEndMs = Math.max(clock.transfersEndMs, clock.nowMs) + clock.transferMs;
      this.#coming.set(expert, clock.transfersEndMs);
      this.loads++;
    }
  }

  /** The layer's route is known: gives when the last of its prefetched experts has come. */
  settle(_layer: number, route: ArrayLike<number>, clock: Clock): number {
    let arrivedMs = 0;
    for (let i = 0; i < route.length; i++) {
      const endMs = this.#coming.get(route[i]!);
      if (endMs === undefined) continue;
      this.#useful++;
      this.#savedMs += clock.transferMs - Math.max(0, endMs - clock.nowMs);
      arrivedMs = Math.max(arrivedMs, endMs);
    }
    return arrivedMs;
  }

  result(slotBytes: number): PrefetchResult {
    const { loads } = this;
    const usefulRatio = loads > 0 ? this.#useful / loads : 0;
    return { loads, usefulRatio, wastedBytes: (loads - this.#useful) * slotBytes, stallMsAvoided: this.#savedMs };
  }
}

function policyFor(name: string, trace: Trace): ResidencyPolicy {
  const shape: PolicyShape = { layerCount: trace.layerCount, expertCount: trace.expertCount, expertsPerToken: trace.topK };
  if (name === 'belady') return composePolicy(name, shape, new BeladyRanking(shape, trace), new NoQuotas());
  if (name === 'belady/even') return composePolicy(name, shape, new BeladyRanking(shape, trace), new EvenQuotas());
  return createPolicy(name, shape);
}
