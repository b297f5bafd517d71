// What earlier visits have learnt of a model warms its cache: the experts that were hot are on the GPU before the first token.

import { expect, test } from 'vitest';
import { TIER_INDEX } from '../../src/core/routing-frame';
import { demoSource } from '../support/demo-model';
import { cpuBackend } from '../support/engine-backends';
import { goldenPrompt } from '../support/golden';
import { openCore } from '../support/open-core';

const LAYERS = 6;
const EXPERTS = 32;

test('a profile is kept after each answer and decides what is loaded first', { timeout: 120_000 }, async () => {
  const source = await demoSource();
  const profiles: Float32Array[] = [];
  const first = await openCore((await cpuBackend())!, source, { budget: '25%', onProfile: (profile) => profiles.push(profile) });
  await first.generate({ tokens: goldenPrompt('french').tokens, maxTokens: 24, temperature: 0, ignoreEos: true });
  expect(profiles).toHaveLength(1);
  const profile = profiles[0]!;
  for (let layer = 0; layer < LAYERS; layer++) {
    const uses = profile.subarray(layer * EXPERTS, (layer + 1) * EXPERTS);
    expect(uses.reduce((sum, value) => sum + value, 0)).toBeCloseTo(4, 3);
  }

  const second = await openCore((await cpuBackend())!, source, { budget: '25%', profile });
  const tiers = second.residency();
  for (let layer = 0; layer < LAYERS; layer++) {
    const uses = [...profile.subarray(layer * EXPERTS, (layer + 1) * EXPERTS)];
    const here = uses.filter((_, expert) => tiers[layer * EXPERTS + expert] === TIER_INDEX.gpu);
    const rest = uses.filter((_, expert) => tiers[layer * EXPERTS + expert] !== TIER_INDEX.gpu);
    expect(here).toHaveLength(8);
    expect(Math.min(...here)).toBeGreaterThanOrEqual(Math.max(...rest));
  }
});
