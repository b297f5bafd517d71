// How much a decode step dispatches: counted in the program, and again by the backend while it runs.

import { describe, expect } from 'vitest';
import { defined } from '../../src/core/assert';
import type { OperationCall } from '../../src/core/backend';
import { expectedCalls, MOE_OPERATIONS } from '../support/decode-program';
import { GREEDY, type Lab } from '../support/engine-lab';
import { goldenPrompt } from '../support/golden';

const MAX_PER_LAYER = 10;
const MAX_MOE_PER_LAYER = 4;

export function dispatchSuite(lab: Lab): void {
  describe('dispatches', () => {
    lab.demoTest(`a layer of a decode step has at most ${MAX_PER_LAYER}, ${MAX_MOE_PER_LAYER} of them for the MoE`, async (core, { backend }) => {
      const { layers } = await expectedCalls(backend);
      expect(layers).toHaveLength(core.shape.layerCount);
      for (const calls of layers) {
        expect(calls.length).toBeLessThanOrEqual(MAX_PER_LAYER);
        const moe = calls.filter(isMoe).length;
        expect(moe).toBeGreaterThan(0);
        expect(moe).toBeLessThanOrEqual(MAX_MOE_PER_LAYER);
      }
    });

    lab.demoTest('that is what runs', async (core, { backend }) => {
      const { before, layers, after } = await expectedCalls(backend);
      const stepCalls = before.length + layers.flat().length + after.length;
      const dispatchesAt: number[] = [];
      const { tokens } = goldenPrompt('german');
      const stepCount = 11;
      const onToken = () => void dispatchesAt.push(backend.counters.dispatches);
      const request = { ...GREEDY, tokens, maxTokens: stepCount + 1 };
      // Once without counting: halts dispatch more.
      await core.generate(request);
      const { stats } = await core.generate(request, { onToken });
      expect(stats.halts).toBe(0);
      expect(backend.counters.dispatches - defined(dispatchesAt[0])).toBe(stepCount * stepCalls);
      // The first token needs no layers: they ran with the prompt.
      expect(stats.dispatchesPerToken * (stepCount + 1)).toBeCloseTo(stepCount * stepCalls + after.length, 6);
      expect((stepCalls - before.length - after.length) / core.shape.layerCount).toBeLessThanOrEqual(MAX_PER_LAYER);
    });
  });
}

function isMoe({ operation }: OperationCall): boolean {
  return MOE_OPERATIONS.has(operation);
}
