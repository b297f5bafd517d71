// The model that the suites of the engine's behaviour run on: tiny, so that fresh engines cost little.

import type { GenerateRequest } from '../../src/core/api';
import type { EngineCore } from '../../src/engine/engine-core';
import { type Bench, type Recording, record } from './engine-lab';
import { RANDOM_MODELS, randomModelSource, randomPrompt } from './random-model';

const prompt = randomPrompt(1, 15);

const model = RANDOM_MODELS[1]!;

export const SUBJECT = {
  source: randomModelSource(model),
  /** The same model in a file that names another token as the end of an answer. */
  sourceWithEos: (eosToken: number) => randomModelSource(model, eosToken),
  prompt,
  otherPrompt: randomPrompt(2, 12),
  /** Three chunks; begins with `prompt`. */
  longPrompt: [...prompt, ...randomPrompt(3, 125)],
} as const;

/** Answers of engines that have answered nothing before: what every later answer must equal. Each is made once. */
export class FreshAnswers {
  readonly #known = new Map<string, Recording>();

  async to(request: GenerateRequest, bench: Bench): Promise<Recording> {
    const key = JSON.stringify(request);
    const known = this.#known.get(key) ?? (await record(await this.open(bench), request));
    this.#known.set(key, known);
    return known;
  }

  open(bench: Bench): Promise<EngineCore> {
    return bench.open(SUBJECT.source);
  }
}
