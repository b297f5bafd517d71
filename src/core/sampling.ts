// The sampling block: how the `sample` kernel draws. Same layout as `Sampling` in shaders/sample.wgsl. Written once per request.

import type { SamplingOptions } from './api';

export const MAX_STOP_TOKENS = 16;
export const SAMPLING_WORDS = 8 + MAX_STOP_TOKENS;

export const SamplingWord = {
  temperature: 0,
  topP: 1,
  minP: 2,
  repetitionPenalty: 3,
  topK: 4,
  seed: 5,
  stopCount: 6,
  stopTokens: 8,
} as const;

export const DEFAULT_SAMPLING = { temperature: 0.7, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1, seed: 0 } as const satisfies Required<SamplingOptions>;

export function encodeSampling(options: Required<SamplingOptions>, stopTokens: readonly number[]): Uint32Array {
  const words = new Uint32Array(SAMPLING_WORDS);
  const floats = new Float32Array(words.buffer);
  floats[SamplingWord.temperature] = options.temperature;
  floats[SamplingWord.topP] = options.topP;
  floats[SamplingWord.minP] = options.minP;
  floats[SamplingWord.repetitionPenalty] = options.repetitionPenalty;
  words[SamplingWord.topK] = options.topK;
  words[SamplingWord.seed] = options.seed >>> 0;
  words[SamplingWord.stopCount] = stopTokens.length;
  words.set(stopTokens, SamplingWord.stopTokens);
  return words;
}
