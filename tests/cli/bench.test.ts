import { expect, test } from 'vitest';
import { openTerminalEngine } from '../../src/cli/open-engine';
import { runTerminal } from '../../src/cli/run';
import { TestTerminal } from '../support/terminal';

interface Row {
  readonly gpuBytes: number;
  readonly generatedTokens: number;
  readonly hitRate: number;
  readonly halts: number;
  readonly missingLayers: number;
  readonly loads: number;
  readonly buffersCreatedInDecode: number;
}

test('bench decodes the same with all experts, with some, and with some and no looking ahead', { timeout: 120_000 }, async () => {
  const terminal = new TestTerminal();
  const status = await runTerminal(['bench', '--backend', 'cpu', '--max-tokens', '4', '--gpu-budget', '25%', '--json'], terminal, openTerminalEngine);
  expect(status).toBe(0);
  const { resident, streamed, withoutLookAhead, ratios } = JSON.parse(terminal.stdout) as Record<'resident' | 'streamed' | 'withoutLookAhead', Row> & {
    ratios: Record<'halts' | 'loads', number>;
  };
  for (const row of [resident, streamed, withoutLookAhead]) expect(row).toMatchObject({ generatedTokens: 7 * 4, buffersCreatedInDecode: 0 });
  expect(resident).toMatchObject({ gpuBytes: 192 * 104_448, hitRate: 1, halts: 0, loads: 0 });
  expect([streamed.gpuBytes, withoutLookAhead.gpuBytes]).toEqual([48 * 104_448, 48 * 104_448]);
  expect(withoutLookAhead.halts).toBe(withoutLookAhead.missingLayers);
  expect(streamed.halts).toBeLessThan(withoutLookAhead.halts);
  expect(ratios.halts).toBeCloseTo(streamed.halts / withoutLookAhead.missingLayers, 12);
  expect(ratios.loads).toBeCloseTo(streamed.loads / withoutLookAhead.loads, 12);
});
