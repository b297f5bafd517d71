import { describe, expect } from 'vitest';
import { argmax, nmse } from '../support/compare';
import { cpuBackend, webGpuBackend } from '../support/engine-backends';
import { GREEDY, createLab } from '../support/engine-lab';
import { modelNmse } from '../support/model-tolerance';
import { openCore } from '../support/open-core';
import { RANDOM_MODELS, randomModelSource, randomPrompt, titleOf } from '../support/random-model';
import { joinRoutes } from './golden-suite';
import { interruptionSuite } from './interruption-suite';
import { PROMPT_LENGTHS, randomModelSuite } from './random-model-suite';
import { routingSuite } from './routing-suite';
import { samplingSuite } from './sampling-suite';
import { stoppingSuite } from './stopping-suite';

const lab = createLab(webGpuBackend);

randomModelSuite(lab, RANDOM_MODELS);
// Here and not in a file of their own: the kernels of their model are compiled already.
samplingSuite(lab);
stoppingSuite(lab);
interruptionSuite(lab);
routingSuite(lab);

describe.each(RANDOM_MODELS.map((model) => ({ model, title: titleOf(model) })))('$title', ({ model }) => {
  lab.test('WebGPU agrees with the CPU', async (bench) => {
    const source = randomModelSource(model);
    const gpu = await bench.open(source, { budget: '50%' });
    const cpu = await openCore((await cpuBackend())!, source);
    const limit = modelNmse(model);
    for (const length of PROMPT_LENGTHS) {
      const tokens = randomPrompt(model.seed + length, length);
      const expected = await cpu.logits(tokens);
      const actual = await gpu.logits(tokens);
      const [expectedRoutes, actualRoutes] = [joinRoutes(expected.routes), joinRoutes(actual.routes)];
      expect(actualRoutes.expertIds, `${length} tokens`).toEqual(expectedRoutes.expertIds);
      expect(nmse(actualRoutes.weights, expectedRoutes.weights)).toBeLessThan(limit);
      expect(nmse(actual.logits, expected.logits)).toBeLessThan(limit);
    }
    const prompt = randomPrompt(model.seed, 33);
    const request = { ...GREEDY, tokens: prompt, maxTokens: 24 };
    const [expected, actual] = [(await cpu.generate(request)).tokens, (await gpu.generate(request)).tokens];
    const at = expected.findIndex((token, i) => token !== actual[i]);
    if (at < 0) return;
    // The first token that differs must be one of two that are as good as equal; after it there is nothing to compare.
    const { logits } = await cpu.logits([...prompt, ...expected.slice(0, at)]);
    const best = logits[argmax(logits)]!;
    expect(best - logits[actual[at]!]!, `token ${at}`).toBeLessThan(2 * Math.sqrt(limit) * Math.abs(best));
  });
});
