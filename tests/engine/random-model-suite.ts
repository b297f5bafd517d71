// Models of other shapes than the demo model's: streamed through as few slots as can be they give the bits that they give when resident, whatever the length of
// the prompt; a prompt continued from the cache gives the bits of a fresh one; and decode goes on as if the whole had been a prompt.

import { describe, expect } from 'vitest';
import { bitsOf, logSoftmax } from '../support/compare';
import { GREEDY, type Lab, record } from '../support/engine-lab';
import { type RandomModel, randomModelSource, randomPrompt, titleOf } from '../support/random-model';
import { logprobTolerance } from '../support/model-tolerance';

/** Around the 64 tokens of a prefill chunk. */
export const PROMPT_LENGTHS = [1, 63, 64, 65, 130] as const;

export function randomModelSuite(lab: Lab, models: readonly RandomModel[]): void {
  describe.each(models.map((model) => ({ model, title: titleOf(model) })))('$title', ({ model }) => {
    lab.test('streamed equals resident', async (bench) => {
      const source = randomModelSource(model);
      const resident = await bench.open(source);
      const streamed = await bench.open(source, { budget: '0%' });
      for (const length of PROMPT_LENGTHS) {
        const tokens = randomPrompt(model.seed + length, length);
        const [a, b] = [await resident.logits(tokens), await streamed.logits(tokens)];
        expect(bitsOf(b.logits), `${length} tokens`).toEqual(bitsOf(a.logits));
        expect(b.routes).toEqual(a.routes);
      }
      const request = { ...GREEDY, tokens: randomPrompt(model.seed, 65), maxTokens: 12 };
      const [a, b] = [await record(resident, request), await record(streamed, request)];
      expect(b.fingerprint).toEqual(a.fingerprint);
      expect(a.result.stats.halts).toBe(0);
      if (model.experts > model.topK) expect(b.result.stats.halts).toBeGreaterThan(0);
    });

    lab.test('a continued prompt equals a fresh one, and decode equals prefill', async (bench) => {
      const source = randomModelSource(model);
      const [fresh, used] = [await bench.open(source), await bench.open(source)];
      const tokens = randomPrompt(model.seed, 130);
      await used.generate({ ...GREEDY, tokens: tokens.slice(0, 70), maxTokens: 3 });
      const request = { ...GREEDY, tokens, maxTokens: 8 };
      const [a, b] = [await record(fresh, request), await record(used, request)];
      expect(b.fingerprint).toEqual(a.fingerprint);
      const drawn = a.result.tokens;
      for (const at of [1, drawn.length - 1]) {
        const { logits } = await fresh.logits([...tokens, ...drawn.slice(0, at)]);
        expect(Math.abs(a.events[at]!.logprob - logSoftmax(logits, drawn[at]!))).toBeLessThan(logprobTolerance(model));
      }
    });
  });
}
