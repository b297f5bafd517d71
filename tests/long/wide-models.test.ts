// The far ends of the shapes: 512 experts of which 16 are selected, a hidden size of 2,048, a prompt of 1,000 tokens. WebGPU agrees with the CPU, and streamed with
// resident.

import { describe, expect } from 'vitest';
import { bitsOf, nmse } from '../support/compare';
import { cpuBackend, webGpuBackend } from '../support/engine-backends';
import { createLab } from '../support/engine-lab';
import { modelNmse } from '../support/model-tolerance';
import { openCore } from '../support/open-core';
import { WIDE_MODELS, randomModelSource, randomPrompt, titleOf } from '../support/random-model';
import { joinRoutes } from '../engine/golden-suite';

const lab = createLab(webGpuBackend);

describe.each(WIDE_MODELS.map((model) => ({ model, title: titleOf(model) })))('$title', ({ model }) => {
  lab.test('WebGPU agrees with the CPU, and streamed with resident', async (bench) => {
    const source = randomModelSource(model);
    const resident = await bench.open(source);
    const streamed = await bench.open(source, { budget: '10%' });
    const cpu = await openCore((await cpuBackend())!, source);
    for (const length of model.promptLengths) {
      const tokens = randomPrompt(model.seed + length, length);
      const expected = await cpu.logits(tokens);
      const [a, b] = [await resident.logits(tokens), await streamed.logits(tokens)];
      expect(bitsOf(b.logits), `${length} tokens`).toEqual(bitsOf(a.logits));
      expect(b.routes).toEqual(a.routes);
      expect(joinRoutes(a.routes).expertIds, `${length} tokens`).toEqual(joinRoutes(expected.routes).expertIds);
      expect(nmse(a.logits, expected.logits)).toBeLessThan(modelNmse(model));
    }
  });
});
