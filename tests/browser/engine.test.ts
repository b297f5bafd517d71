// The engine on WebGPU in Chromium. Its software adapter takes a quarter of a second for a token, so greedy tokens are drawn for one text and one chat, and budgets
// are tried on one short answer; the whole suite runs in Node.

import { expect } from 'vitest';
import type { Budget } from '../../src/core/api';
import { goldenSuite } from '../engine/golden-suite';
import { webGpuBackend } from '../support/engine-backends';
import { GREEDY, createLab, record } from '../support/engine-lab';
import { goldenPrompt } from '../support/golden';

const lab = createLab(webGpuBackend);

goldenSuite(lab, { nmse: 1e-5, greedyDomains: ['stories', 'stories-chat'] });

lab.demoTest('a small budget, and one that changes, give the same tokens', async (core) => {
  const request = { ...GREEDY, tokens: goldenPrompt('code').tokens, maxTokens: 10 };
  const { fingerprint } = await record(core, request);
  await core.setBudget({ gpuBytes: '5%' });
  const plan: Readonly<Record<number, Budget>> = { 3: '50%', 5: '100%', 7: '25%' };
  const reports: Array<Promise<unknown>> = [];
  const onToken = ({ index }: { index: number }) => {
    const gpuBytes = plan[index];
    if (gpuBytes !== undefined) reports.push(core.setBudget({ gpuBytes }));
  };
  const streamed = await record(core, request, { onToken });
  expect(streamed.fingerprint).toEqual(fingerprint);
  expect(reports).toHaveLength(3);
  await Promise.all(reports);
  const { stats } = streamed.result;
  expect(stats.halts).toBeGreaterThan(0);
  expect(stats.readbacksPerToken * 10).toBeLessThanOrEqual(10 + stats.halts);
  expect(stats.buffersCreatedInDecode).toBe(0);
});
