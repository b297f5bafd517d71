// Every number of selected experts from 1 to 16: streamed through as few slots as can be, the bits are those of the resident model. `npm run test:long` compares
// WebGPU with the CPU on these shapes and on more.

import { describe, expect } from 'vitest';
import { bitsOf } from '../support/compare';
import { cpuBackend } from '../support/engine-backends';
import { GREEDY, createLab, record } from '../support/engine-lab';
import { SWEEP_MODELS, randomModelSource, randomPrompt, titleOf } from '../support/random-model';

const lab = createLab(cpuBackend);
const models = SWEEP_MODELS.filter(({ experts }) => experts === 64);

describe.each(models.map((model) => ({ model, title: titleOf(model) })))('$title', ({ model }) => {
  lab.test('streamed equals resident', async (bench) => {
    const source = randomModelSource(model);
    const [resident, streamed] = [await bench.open(source), await bench.open(source, { budget: '0%' })];
    for (const length of [1, 70]) {
      const tokens = randomPrompt(model.seed + length, length);
      const [a, b] = [await resident.logits(tokens), await streamed.logits(tokens)];
      expect(bitsOf(b.logits), `${length} tokens`).toEqual(bitsOf(a.logits));
      expect(b.routes).toEqual(a.routes);
    }
    const request = { ...GREEDY, tokens: randomPrompt(model.seed, 9), maxTokens: 4 };
    const [a, b] = [await record(resident, request), await record(streamed, request)];
    expect(b.fingerprint).toEqual(a.fingerprint);
    expect(a.result.stats.halts).toBe(0);
    expect(b.result.stats.halts).toBeGreaterThan(0);
  });
});
