// Models of many shapes: WebGPU agrees with the CPU, and streamed with resident, after a prompt and while decoding.

import { afterAll, describe, expect } from 'vitest';
import { joinRoutes } from '../engine/golden-suite';
import { bitsOf, logSoftmax, nmse } from '../support/compare';
import { cpuBackend, webGpuBackend } from '../support/engine-backends';
import { GREEDY, createLab, record } from '../support/engine-lab';
import { logprobTolerance, modelNmse } from '../support/model-tolerance';
import { openCore } from '../support/open-core';
import { type TriedModel, randomModelSource, randomPrompt, titleOf } from '../support/random-model';

export function agreementSuite(models: readonly TriedModel[]): void {
  const lab = createLab(webGpuBackend);
  const worst = { models: 0, prompts: 0, logProbability: 0, logProbabilityOfTolerance: 0, nmse: 0, title: '' };

  describe.each(models.map((model) => ({ model, title: titleOf(model) })))('$title', ({ model, title }) => {
    lab.test('WebGPU agrees with the CPU, and streamed with resident', async (bench) => {
      const source = randomModelSource(model);
      const [resident, streamed, cpu] = [await bench.open(source), await bench.open(source, { budget: '0%' }), await openCore((await cpuBackend())!, source)];
      for (const length of model.promptLengths) {
        const tokens = randomPrompt(model.seed + length, length);
        const expected = await cpu.logits(tokens);
        const [a, b] = [await resident.logits(tokens), await streamed.logits(tokens)];
        expect(bitsOf(b.logits), `${length} tokens`).toEqual(bitsOf(a.logits));
        expect(b.routes).toEqual(a.routes);
        expectSameExperts(joinRoutes(a.routes), joinRoutes(expected.routes), Math.sqrt(modelNmse(model)), `${length} tokens`);
        const error = nmse(a.logits, expected.logits);
        const drift = Math.max(...expected.logits.map((_, id) => Math.abs(logSoftmax(a.logits, id) - logSoftmax(expected.logits, id))));
        expect(error).toBeLessThan(modelNmse(model));
        expect(drift, 'largest difference of a log-probability').toBeLessThan(logprobTolerance(model));
        worst.prompts++;
        worst.nmse = Math.max(worst.nmse, error);
        worst.logProbabilityOfTolerance = Math.max(worst.logProbabilityOfTolerance, drift / logprobTolerance(model));
        if (drift > worst.logProbability) Object.assign(worst, { logProbability: drift, title });
      }
      const request = { ...GREEDY, tokens: randomPrompt(model.seed, 33), maxTokens: 6 };
      const [a, b] = [await record(resident, request), await record(streamed, request)];
      expect(b.fingerprint).toEqual(a.fingerprint);
      expect(a.result.stats.halts).toBe(0);
      if (model.experts > model.topK) expect(b.result.stats.halts).toBeGreaterThan(0);
      worst.models++;
    });
  });

  afterAll(() => void process.stdout.write(`agreement: ${JSON.stringify(worst)}\n`));
}

type JoinedRoutes = ReturnType<typeof joinRoutes>;

/**
 * The same experts in the same order, but for those whose weights the arithmetic cannot tell apart: either side may be off by `relativeError`. Of tens of thousands
 * of choices among 512 experts one or two are as close as that.
 */
function expectSameExperts(actual: JoinedRoutes, expected: JoinedRoutes, relativeError: number, title: string): void {
  const differing = [...actual.expertIds.keys()].filter((at) => actual.expertIds[at] !== expected.expertIds[at]);
  for (const at of differing) {
    const [a, b] = [actual.weights[at]!, expected.weights[at]!];
    expect(Math.abs(a - b), `${title}: expert ${actual.expertIds[at]} for ${expected.expertIds[at]}`).toBeLessThanOrEqual(2 * relativeError * b);
  }
  expect(differing.length, `${title}: places with another expert`).toBeLessThanOrEqual(actual.expertIds.length / 1000);
}
