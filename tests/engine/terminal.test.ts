// The terminal program on WebGPU in Node.

import { expect, test } from 'vitest';
import { openTerminalEngine } from '../../src/cli/open-engine';
import { runTerminal } from '../../src/cli/run';
import type { EngineStats } from '../../src/core/api';
import golden from '../golden/demo-q8_0.json';
import { requestTestDevice } from '../support/gpu';
import { TestTerminal } from '../support/terminal';

test.each(['100%', '5%'])('generate with --gpu-budget %s gives the golden tokens', async (budget) => {
  const found = await requestTestDevice();
  if (!found) return;
  found.device.destroy();
  const terminal = new TestTerminal();
  const prompt = golden.prompts[0]!;
  const words = ['generate', '--tokens', prompt.token_ids.join(','), '--temperature', '0', '--max-tokens', '24', '--ignore-eos', '--gpu-budget', budget];
  expect(await runTerminal([...words, '--backend', 'webgpu', '--json'], terminal, openTerminalEngine)).toBe(0);
  const { tokens, stats } = JSON.parse(terminal.stdout) as { tokens: number[]; stats: EngineStats };
  expect(tokens).toEqual(prompt.greedy_ids.slice(0, 24));
  expect(stats.backend).toBe('webgpu');
  if (budget === '100%') expect(stats.halts).toBe(0);
  else expect(stats.halts).toBeGreaterThan(0);
});
