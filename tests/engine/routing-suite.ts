// What the engine tells of routing while it runs: every token once, in order, with the routes that a prompt of the same tokens has.

import { describe, expect } from 'vitest';
import { TIER_INDEX } from '../../src/core/routing-frame';
import type { RoutingEvent } from '../../src/engine/engine-core';
import { GREEDY, type Lab } from '../support/engine-lab';
import { SUBJECT } from '../support/subject';
import { joinRoutes } from './golden-suite';

const LENGTH = 10;

export function routingSuite(lab: Lab): void {
  describe.each(['100%', '0%'] as const)('routing at a budget of %s', (budget) => {
    lab.test('covers prompt and answer, and agrees with stats and with logits', async (bench) => {
      const core = await bench.open(SUBJECT.source, { budget });
      const { layerCount, topK } = core.shape;
      const events: RoutingEvent[] = [];
      core.onRouting = (event) => void events.push(event);
      const { tokens, stats } = await core.generate({ ...GREEDY, tokens: SUBJECT.longPrompt, maxTokens: LENGTH });
      // The last token of the answer is drawn and not fed.
      const fed = [...SUBJECT.longPrompt, ...tokens.slice(0, -1)];
      expect(events.flatMap(({ tokenIds }) => tokenIds)).toEqual(fed);
      let position = 0;
      for (const event of events) {
        expect(event.position).toBe(position);
        expect(event.phase).toBe(position < SUBJECT.longPrompt.length ? 'prefill' : 'decode');
        expect(event.routes.tokenCount).toBe(event.tokenIds.length);
        expect(event.tiers).toHaveLength(event.tokenIds.length * layerCount * topK);
        position += event.tokenIds.length;
      }

      const decodeTiers = events.filter(({ phase }) => phase === 'decode').flatMap(({ tiers }) => [...tiers]);
      const misses = decodeTiers.filter((tier) => tier !== TIER_INDEX.gpu);
      expect(misses.length).toBe(stats.expertMisses);
      expect(misses.length > 0).toBe(budget === '0%');
      expect(misses.every((tier) => tier === TIER_INDEX.disk)).toBe(true);

      core.onRouting = undefined;
      const told = joinRoutes(events.map(({ routes }) => routes));
      const { routes } = await core.logits(fed);
      expect(told.expertIds).toEqual(joinRoutes(routes).expertIds);
      // Weights are divided by their sum: one rounding each, and one for every addition here.
      for (let first = 0; first < told.weights.length; first += topK) {
        const sum = told.weights.subarray(first, first + topK).reduce((a, b) => a + b, 0);
        expect(Math.abs(sum - 1)).toBeLessThan(topK * 4 * 2 ** -24);
      }
    });

    lab.test('residency tells where every expert is', async (bench) => {
      const core = await bench.open(SUBJECT.source, { budget });
      await core.generate({ ...GREEDY, tokens: SUBJECT.prompt, maxTokens: LENGTH });
      const onGpu = [...core.residency()].filter((tier) => tier === TIER_INDEX.gpu).length;
      expect(onGpu).toBe(core.stats().expertsHeld.gpu);
      expect(onGpu).toBeLessThanOrEqual(core.stats().budget.gpuSlots);
      expect(core.residency()).toHaveLength(core.shape.layerCount * core.shape.expertCount);
    });
  });
}
