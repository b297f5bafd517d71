// What comes back from the device: the record of one decode step, and the routes of a prefill chunk, as typed arrays.

import { HaltReason } from '../core/control';
import { RECORD_HEADER_WORDS, ROUTE_WORDS, type Shape } from './workspace';

export interface Routes {
  readonly tokenCount: number;
  /** [token, layer, k] */
  readonly expertIds: Uint16Array;
  /** [token, layer, k] */
  readonly weights: Float32Array;
}

export interface StepRecord {
  readonly isMissing: boolean;
  readonly isStop: boolean;
  /** The layer that halted, when isMissing. */
  readonly layer: number;
  /** The last layer whose routes are of this step, or of the scout that it became. */
  readonly scoutedLayer: number;
  readonly step: number;
  /** Of the token that was fed. */
  readonly position: number;
  readonly fedToken: number;
  readonly token: number;
  readonly logprob: number;
  readonly routes: Routes;
}

export function parseStepRecord(bytes: ArrayBuffer, shape: Shape): StepRecord {
  const words = new Uint32Array(bytes);
  const floats = new Float32Array(bytes);
  const count = shape.layerCount * shape.topK;
  const at = (i: number) => RECORD_HEADER_WORDS + i * ROUTE_WORDS;
  return {
    isMissing: words[0] === HaltReason.missingExpert,
    isStop: words[0] === HaltReason.stopToken,
    layer: words[1]!,
    scoutedLayer: words[7]!,
    step: words[2]!,
    position: words[3]!,
    fedToken: words[4]!,
    token: words[5]!,
    logprob: floats[6]!,
    routes: {
      tokenCount: 1,
      expertIds: Uint16Array.from({ length: count }, (_, i) => words[at(i)]!),
      weights: Float32Array.from({ length: count }, (_, i) => floats[at(i) + 2]!),
    },
  };
}

/** Experts of one layer in the record, strongest first. */
export function expertsOf({ routes }: StepRecord, layer: number, topK: number): number[] {
  return [...routes.expertIds.subarray(layer * topK, (layer + 1) * topK)];
}

/** The device keeps a chunk's routes as [layer, token, k]. */
export function parseChunkRoutes(bytes: ArrayBuffer, shape: Shape, tokenCount: number): Routes {
  const words = new Uint32Array(bytes);
  const floats = new Float32Array(bytes);
  const { layerCount, topK, chunkRouteWords } = shape;
  const expertIds = new Uint16Array(tokenCount * layerCount * topK);
  const weights = new Float32Array(expertIds.length);
  let out = 0;
  for (let token = 0; token < tokenCount; token++) {
    for (let layer = 0; layer < layerCount; layer++) {
      for (let k = 0; k < topK; k++) {
        const at = layer * chunkRouteWords + (token * topK + k) * ROUTE_WORDS;
        expertIds[out] = words[at]!;
        weights[out++] = floats[at + 2]!;
      }
    }
  }
  return { tokenCount, expertIds, weights };
}
