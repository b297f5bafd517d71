// The demo model gives what was recorded of it: logits, routes and greedy tokens of every prompt.

import { describe, expect } from 'vitest';
import type { Routes } from '../../src/engine/step-record';
import { nmse } from '../support/compare';
import { GREEDY, type Lab } from '../support/engine-lab';
import { GOLDEN_PROMPTS, type GoldenPrompt } from '../support/golden';

export interface GoldenLimits {
  /** Of logits and of routing weights. */
  readonly nmse: number;
  /** Prompts whose greedy tokens are drawn, one after the other as they must be; default: all. */
  readonly greedyDomains?: readonly string[];
}

export function goldenSuite(lab: Lab, limits: GoldenLimits): void {
  describe.each(GOLDEN_PROMPTS)('golden prompt: $domain', (golden) => {
    lab.demoTest('logits and routes', async (core) => {
      const { logits, routes } = await core.logits(golden.tokens);
      expect(nmse(logits, golden.lastLogits)).toBeLessThan(limits.nmse);
      const all = joinRoutes(routes);
      expect([...all.expertIds]).toEqual(inTokenOrder(golden.experts, golden));
      expect(nmse(all.weights, inTokenOrder(golden.weights, golden))).toBeLessThan(limits.nmse);
    });

    if (limits.greedyDomains?.includes(golden.domain) === false) return;
    lab.demoTest('greedy tokens', async (core) => {
      const { tokens, finishReason } = await core.generate({ ...GREEDY, tokens: golden.tokens, maxTokens: golden.greedyTokens.length });
      expect(tokens).toEqual(golden.greedyTokens);
      expect(finishReason).toBe('length');
    });
  });
}

/** Chunks as one. */
export function joinRoutes(chunks: readonly Routes[]): Routes {
  return {
    tokenCount: chunks.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
    expertIds: Uint16Array.from(chunks.flatMap(({ expertIds }) => [...expertIds])),
    weights: Float32Array.from(chunks.flatMap(({ weights }) => [...weights])),
  };
}

/** [layer][token][k] → [token, layer, k]. */
function inTokenOrder(values: ReadonlyArray<ReadonlyArray<readonly number[]>>, { tokens }: GoldenPrompt): number[] {
  return tokens.flatMap((_, token) => values.flatMap((layer) => layer[token] ?? []));
}
