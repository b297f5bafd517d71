// Streaming tried at random: a model, a prompt, and the worst that storage and user may do while it is answered. All from one seed.

import type { Budget } from '../../src/core/api';
import { EngineError } from '../../src/core/errors';
import type { ExpertSupply, FetchUrgency } from '../../src/core/expert-supply';
import { Random } from '../../src/core/random';
import type { CodecName } from '../../src/core/packed-weights';
import { POLICY_NAMES } from '../../src/scheduler/create-policy';
import type { RandomModel } from './random-model';

const CODECS: readonly CodecName[] = ['q8_0', 'q4_0', 'f16', 'f32', 'bf16', 'q5_1'];

/** Of one token's needs (the least there can be), and shares of all experts. */
const BUDGETS: readonly Budget[] = ['0%', '10%', '25%', '50%', '75%', '100%'];

const pick = <T>(random: Random, values: readonly T[]): T => values[random.integer(0, values.length - 1)]!;

/** 2 to 8 layers, 4 to 64 experts, k from 1 to 8, mixed formats. */
export function drawModel(seed: number): RandomModel {
  const random = new Random(seed);
  const experts = pick(random, [4, 5, 8, 16, 31, 64]);
  const kvHeads = pick(random, [1, 2]);
  return {
    ...{ seed, layers: random.integer(2, 8), experts, topK: random.integer(1, Math.min(8, experts)) },
    ...{ hidden: pick(random, [32, 64, 96]), ffn: pick(random, [32, 64]), heads: 2 * kvHeads, kvHeads, headSize: 16, contextLength: 640 },
    codecs: { rest: pick(random, CODECS), ffn_down_exps: pick(random, CODECS), ffn_up_exps: pick(random, CODECS) },
  };
}

export interface StreamingCase {
  readonly seed: number;
  readonly policy: string;
  readonly budget: Budget;
  readonly title: string;
}

/** Every policy at every budget. */
export function casesOf(seed: number): StreamingCase[] {
  return POLICY_NAMES.flatMap((policy, p) =>
    BUDGETS.map((budget, b) => ({ seed: seed * 1000 + p * 10 + b, policy, budget, title: `${policy} at ${budget === '0%' ? "one token's needs" : budget}` })),
  );
}

type Phase = 'prompt' | 'answer';

/** The so-manieth read (from 1) that a phase of an attempt has to wait for. */
interface Failure {
  readonly phase: Phase;
  readonly read: number;
}

const MAX_MORE_FAILURES = 2;
/** So many reads of an answer come early even where nearly all experts are there. */
const EARLY_READS = 8;
/** An attempt for each failure, and one that goes through. */
export const MAX_ATTEMPTS = 1 + MAX_MORE_FAILURES + 1;

/** One to three, and the first is sure to come: in the prompt if it has to read at all, else at the first read of the answer. */
function drawFailures(random: Random, promptReads: number): Failure[] {
  const first: Failure = promptReads > 0 ? { phase: 'prompt', read: random.integer(1, promptReads) } : { phase: 'answer', read: 1 };
  const more = Array.from({ length: random.integer(0, MAX_MORE_FAILURES) }, (): Failure => ({ phase: 'answer', read: random.integer(1, EARLY_READS) }));
  return [first, ...more];
}

/**
 * What happens on the way: another budget after some tokens, reads that come late and in another order, a few that fail an attempt, and guesses of a scout that
 * fail without harm.
 */
export class Trouble {
  readonly failureCounts: Record<Phase | 'guess', number> = { prompt: 0, answer: 0, guess: 0 };
  /** Reads that an attempt has waited for. */
  readCount = 0;
  delayCount = 0;
  budgetCount = 0;
  readonly #random: Random;
  readonly #budget: Budget;
  /** Still to come, in order; undefined before `begin`, while all is calm. */
  #failures: Failure[] | undefined;
  #phase: Phase = 'prompt';
  #phaseReads = 0;

  constructor({ seed, budget }: StreamingCase) {
    this.#random = new Random(seed);
    this.#budget = budget;
  }

  /** `promptReads`: how many experts the first attempt has to read for the prompt at least. */
  begin(promptReads: number): void {
    this.#failures = drawFailures(this.#random, promptReads);
  }

  beginAttempt(): void {
    this.#beginPhase('prompt');
  }

  /** Now and then another budget, and in the end the first. */
  afterToken(): Budget | undefined {
    if (this.#phase === 'prompt') this.#beginPhase('answer');
    if (this.#random.integer(0, 3) !== 0) return undefined;
    this.budgetCount++;
    return this.#random.integer(0, 1) === 0 ? this.#budget : pick(this.#random, BUDGETS);
  }

  #beginPhase(phase: Phase): void {
    this.#phase = phase;
    this.#phaseReads = 0;
  }

  readonly wrapFetch = (fetch: ExpertSupply['fetch']): ExpertSupply['fetch'] => {
    return async (layer, expert, options) => {
      if (!this.#failures) return fetch(layer, expert, options);
      const isFailure = this.#isFailure(this.#failures, options?.urgency);
      const turns = this.#random.integer(0, 4);
      if (turns > 0) this.delayCount++;
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (isFailure) throw new EngineError('source-network', 'A read was made to fail.', 'Try again.');
      return fetch(layer, expert, options);
    };
  };

  /** A prompt waits for all that it reads but what fills free slots, an answer only for what is demanded. */
  #isFailure(failures: Failure[], urgency: FetchUrgency = 'demand'): boolean {
    if (urgency === 'prefetch' || (this.#phase === 'answer' && urgency !== 'demand')) {
      if (this.#random.integer(0, 19) > 0) return false;
      this.failureCounts.guess++;
      return true;
    }
    this.readCount++;
    this.#phaseReads++;
    const [next] = failures;
    if (next?.phase !== this.#phase || next.read !== this.#phaseReads) return false;
    failures.shift();
    this.failureCounts[next.phase]++;
    return true;
  }
}
