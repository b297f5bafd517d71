// Drawing tokens: the seed decides, the budget does not, and the options mean what they say.

import { describe, expect } from 'vitest';
import type { GenerateRequest } from '../../src/core/api';
import type { EngineCore } from '../../src/engine/engine-core';
import { argmax, logSoftmax } from '../support/compare';
import { type Bench, GREEDY, type Lab, record } from '../support/engine-lab';
import { SUBJECT } from '../support/subject';

const LENGTH = 16;
/** The model's own distribution. */
const PLAIN = { temperature: 1, topK: 0, topP: 1, ignoreEos: true } as const;

export function samplingSuite(lab: Lab): void {
  describe('sampling', () => {
    let shared: Promise<EngineCore> | undefined;
    /** No test here leaves anything behind but a warm cache. */
    const samplingTest = (title: string, body: (core: EngineCore, bench: Bench) => Promise<void>) =>
      lab.test(title, async (bench) => {
        shared ??= bench.open(SUBJECT.source);
        await body(await shared, bench);
      });
    const answer = async (core: EngineCore, options: Partial<GenerateRequest>) =>
      (await record(core, { tokens: SUBJECT.prompt, maxTokens: LENGTH, ...options })).fingerprint;

    samplingTest('the same seed draws the same tokens, another draws others', async (core) => {
      const first = await answer(core, { ...PLAIN, seed: 5 });
      expect(await answer(core, { ...PLAIN, seed: 5 })).toEqual(first);
      expect(await answer(core, { ...PLAIN, seed: 6 })).not.toEqual(first);
    });

    samplingTest('a small budget draws the same tokens', async (core) => {
      const requests: Array<Partial<GenerateRequest>> = [
        { ...PLAIN, seed: 7 },
        { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.02, repetitionPenalty: 1.2, seed: 9, ignoreEos: true },
      ];
      for (const request of requests) {
        await core.setBudget({ gpuBytes: '100%' });
        const resident = await answer(core, request);
        await core.setBudget({ gpuBytes: '25%' });
        expect(await answer(core, request)).toEqual(resident);
      }
      await core.setBudget({ gpuBytes: '100%' });
    });

    samplingTest('what keeps one token only is greedy', async (core) => {
      const greedy = await answer(core, GREEDY);
      for (const options of [{ topK: 1 }, { minP: 1 }, { topP: 0 }]) {
        expect(await answer(core, { ...PLAIN, ...options, seed: 3 }), JSON.stringify(options)).toEqual(greedy);
      }
    });

    samplingTest('a high penalty repeats nothing', async (core) => {
      const tokens = (await answer(core, { ...GREEDY, repetitionPenalty: 100 })).map(([token]) => token);
      expect(new Set([...SUBJECT.prompt, ...tokens]).size).toBe(new Set(SUBJECT.prompt).size + tokens.length);
    });

    samplingTest('the log-probability is that of the model, whatever the options', async (core) => {
      const { logits } = await core.logits(SUBJECT.prompt);
      // Up to 4,096 exponentials of numbers above -50, (3 + 2·50) ULP each, and a logarithm near 10, 3 ULP.
      const tolerance = 2e-5;
      for (const options of [GREEDY, { ...PLAIN, seed: 4 }, { temperature: 0.5, topK: 5, repetitionPenalty: 1.5, seed: 8 }]) {
        const [first] = await answer(core, { ...options, maxTokens: 1, ignoreEos: true });
        expect(Math.abs(first![1] - logSoftmax(logits, first![0]))).toBeLessThan(tolerance);
      }
      const [best] = await answer(core, { ...GREEDY, maxTokens: 1 });
      expect(best![0]).toBe(argmax(logits));
    });

    samplingTest('tokens come as often as they are likely', async (core) => {
      const { logits } = await core.logits(SUBJECT.prompt);
      const drawCount = 250;
      const counts = new Map<number, number>();
      for (let seed = 0; seed < drawCount; seed++) {
        const { tokens } = await core.generate({ ...PLAIN, tokens: SUBJECT.prompt, maxTokens: 1, seed });
        counts.set(tokens[0]!, (counts.get(tokens[0]!) ?? 0) + 1);
      }
      const likely = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, 8);
      for (const token of likely) {
        const probability = Math.exp(logSoftmax(logits, token));
        // Five deviations of the binomial distribution, and one draw for those that are seldom.
        const allowed = 5 * Math.sqrt(drawCount * probability * (1 - probability)) + 1;
        expect(Math.abs((counts.get(token) ?? 0) - drawCount * probability), `token ${token}`).toBeLessThan(allowed);
      }
    });
  });
}
