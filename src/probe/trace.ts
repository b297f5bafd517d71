// A routing trace: which experts each token was routed to, layer by layer, as columns of typed arrays. The simulator replays it, metrics and predictors read it.
// trace-file.ts says how it is stored.

import { assert } from '../core/assert';
import { EngineError } from '../core/errors';
import type { RoutingFrame } from '../core/routing-frame';

export const PHASES = ['prefill', 'decode'] as const;

export interface TraceShape {
  readonly layerCount: number;
  /** Experts per layer. */
  readonly expertCount: number;
  /** Experts per token and layer. */
  readonly topK: number;
}

export interface Trace extends TraceShape {
  readonly tokenCount: number;
  /** [token] position in its sequence. A position that does not follow the one before it begins a sequence. */
  readonly positions: Uint32Array;
  /** [token] index in PHASES. */
  readonly phases: Uint8Array;
  /** [token] */
  readonly tokenIds?: Uint32Array;
  /** [token, layer, k] strongest first. */
  readonly expertIds: Uint16Array;
  /** [token, layer, k] */
  readonly weights?: Float32Array;
  /** [token, layer, k] TIER_INDEX of where the expert was found. */
  readonly tiers?: Uint8Array;
}

/** The experts of one token in one layer; a view. */
export function routeOf({ layerCount, topK, expertIds }: Trace, token: number, layer: number): Uint16Array {
  const start = (token * layerCount + layer) * topK;
  return expertIds.subarray(start, start + topK);
}

/** Their weights, if the trace keeps them. */
export function weightsOf({ layerCount, topK, weights }: Trace, token: number, layer: number): Float32Array | undefined {
  const start = (token * layerCount + layer) * topK;
  return weights?.subarray(start, start + topK);
}

/** Tokens first … end - 1; views of the same memory. */
export function sliceTrace(trace: Trace, first: number, end: number): Trace {
  const perToken = trace.layerCount * trace.topK;
  return {
    ...trace,
    tokenCount: end - first,
    positions: trace.positions.subarray(first, end),
    phases: trace.phases.subarray(first, end),
    ...(trace.tokenIds && { tokenIds: trace.tokenIds.subarray(first, end) }),
    expertIds: trace.expertIds.subarray(first * perToken, end * perToken),
    ...(trace.weights && { weights: trace.weights.subarray(first * perToken, end * perToken) }),
    ...(trace.tiers && { tiers: trace.tiers.subarray(first * perToken, end * perToken) }),
  };
}

/** One trace after the other. Columns that one of them lacks are left out. */
export function joinTraces(traces: readonly Trace[]): Trace {
  const first = traces[0];
  assert(first, 'no traces to join');
  assert(
    traces.every((trace) => trace.layerCount === first.layerCount && trace.expertCount === first.expertCount && trace.topK === first.topK),
    'traces of models of different shapes',
  );
  const tokenCount = traces.reduce((sum, trace) => sum + trace.tokenCount, 0);
  const perToken = first.layerCount * first.topK;
  const fill = <Column extends Uint8Array | Uint16Array | Uint32Array | Float32Array>(
    into: Column,
    columnOf: (trace: Trace) => Column,
    stride: number,
  ): Column => {
    let at = 0;
    for (const trace of traces) {
      into.set(columnOf(trace), at);
      at += trace.tokenCount * stride;
    }
    return into;
  };
  const haveAll = (column: 'tokenIds' | 'weights' | 'tiers') => traces.every((trace) => trace[column]);
  return {
    layerCount: first.layerCount,
    expertCount: first.expertCount,
    topK: first.topK,
    tokenCount,
    positions: fill(new Uint32Array(tokenCount), (trace) => trace.positions, 1),
    phases: fill(new Uint8Array(tokenCount), (trace) => trace.phases, 1),
    expertIds: fill(new Uint16Array(tokenCount * perToken), (trace) => trace.expertIds, perToken),
    ...(haveAll('tokenIds') && { tokenIds: fill(new Uint32Array(tokenCount), (trace) => trace.tokenIds!, 1) }),
    ...(haveAll('weights') && { weights: fill(new Float32Array(tokenCount * perToken), (trace) => trace.weights!, perToken) }),
    ...(haveAll('tiers') && { tiers: fill(new Uint8Array(tokenCount * perToken), (trace) => trace.tiers!, perToken) }),
  };
}

/** A routing frame as a trace; a view of its arrays. */
export function traceOfFrame(frame: RoutingFrame): Trace {
  const { layerCount, expertCount, expertsPerToken, tokenCount, positions, tokenIds, expertIds, weights, tiers } = frame;
  const phases = new Uint8Array(tokenCount).fill(PHASES.indexOf(frame.phase));
  return { layerCount, expertCount, topK: expertsPerToken, tokenCount, positions, phases, tokenIds, expertIds, weights, tiers };
}

/** Where each sequence begins, and the end: positions that do not follow the one before them. */
export function sequenceStarts({ positions, tokenCount }: Trace): number[] {
  const starts = Array.from(positions.keys()).filter((token) => token === 0 || positions[token] !== positions[token - 1]! + 1);
  return [...starts, tokenCount];
}

/** Of each sequence the first `count` tokens. */
export function sequenceHeads(trace: Trace, count: number): Trace {
  const starts = sequenceStarts(trace);
  return joinTraces(starts.slice(0, -1).map((start, i) => sliceTrace(trace, start, Math.min(start + count, starts[i + 1]!))));
}

/** Collects what one model is heard to do, up to a number of tokens. */
export class TraceRecorder {
  readonly #maxTokens: number;
  readonly #parts: Trace[] = [];
  #tokenCount = 0;

  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  get tokenCount(): number {
    return this.#tokenCount;
  }

  /** Takes a copy of as much as there is room for. */
  add(part: Trace): void {
    const taken = Math.min(part.tokenCount, this.#maxTokens - this.#tokenCount);
    if (taken <= 0) return;
    this.#parts.push(joinTraces([sliceTrace(part, 0, taken)]));
    this.#tokenCount += taken;
  }

  trace(): Trace {
    if (this.#parts.length === 0)
      throw new EngineError('invalid-argument', 'No token was routed, so there is no trace.', 'Record while a model with experts runs.');
    return joinTraces(this.#parts);
  }
}
