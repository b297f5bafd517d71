// Streaming tried at random: a model, a prompt, and the worst that storage and user may do while it is answered. All from one seed.

import type { Budget } from '../../src/core/api';
import { EngineError } from '../../src/core/errors';
import type { ExpertSupply } from '../../src/core/expert-supply';
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

/** What happens on the way, drawn as it goes: another budget after some tokens, reads that come late and in another order, and some that fail. */
export class Trouble {
  readonly #random: Random;
  readonly #budget: Budget;
  failureCount = 0;
  delayCount = 0;
  budgetCount = 0;
  isCalm = true;

  constructor({ seed, budget }: StreamingCase) {
    this.#random = new Random(seed);
    this.#budget = budget;
  }

  readonly wrapFetch = (fetch: ExpertSupply['fetch']): ExpertSupply['fetch'] => {
    return async (layer, expert, options) => {
      if (!this.isCalm) {
        const turns = this.#random.integer(0, 4);
        if (turns > 0) this.delayCount++;
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        if (this.#random.integer(0, 199) === 0) {
          this.failureCount++;
          throw new EngineError('source-network', 'A read was made to fail.', 'Try again.');
        }
      }
      return fetch(layer, expert, options);
    };
  };

  /** Now and then another budget, and in the end the first. */
  nextBudget(): Budget | undefined {
    if (this.#random.integer(0, 3) !== 0) return undefined;
    this.budgetCount++;
    return this.#random.integer(0, 1) === 0 ? this.#budget : pick(this.#random, BUDGETS);
  }
}
