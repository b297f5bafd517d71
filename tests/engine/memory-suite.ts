// Memory stays where it is however long is generated: JS heap, bytes and number of GPU buffers by the backend's own ledger, lap after lap of answers under a small
// budget that now and then changes and comes back.

import { expect } from 'vitest';
import type { EngineCore } from '../../src/engine/engine-core';
import type { Lab } from '../support/engine-lab';
import { collectGarbage } from '../support/collect-garbage';
import { goldenPrompt } from '../support/golden';

/** How far a figure of the last laps may be from that of the first, as the requirement has it. */
const FLAT = 0.02;

export interface SoakLength {
  /** Laps before the first that counts: the heap is still growing into what it needs. */
  readonly warmUpLaps: number;
  readonly laps: number;
  /** Go on for so long, whatever `laps` says. */
  readonly untilMs?: number;
  readonly tokensPerAnswer: number;
}

interface Lap {
  readonly heapBytes: number;
  readonly gpuBytes: number;
  readonly bufferCount: number;
}

export function memorySuite(lab: Lab, { warmUpLaps, laps, untilMs = 0, tokensPerAnswer }: SoakLength): void {
  lab.demoTest('memory stays flat however long is generated', async (core, { backend }) => {
    await core.setBudget({ gpuBytes: '25%' });
    const seen: Lap[] = [];
    const buffersBefore = backend.liveBufferCount;
    const began = performance.now();
    for (let lap = 0; lap < warmUpLaps + laps || performance.now() - began < untilMs; lap++) {
      await runLap(core, lap, tokensPerAnswer);
      seen.push({ heapBytes: collectGarbage(), gpuBytes: backend.allocatedBytes, bufferCount: backend.liveBufferCount });
    }
    const counted = seen.slice(warmUpLaps);
    expect(counted.map(({ bufferCount }) => bufferCount)).toEqual(counted.map(() => buffersBefore));
    expect(new Set(counted.map(({ gpuBytes }) => gpuBytes)).size).toBe(1);
    const third = Math.max(1, Math.floor(counted.length / 3));
    const early = median(counted.slice(0, third).map(({ heapBytes }) => heapBytes));
    const late = median(counted.slice(-third).map(({ heapBytes }) => heapBytes));
    expect(late / early, `JS heap from ${early} to ${late} bytes over ${counted.length} laps`).toBeLessThan(1 + FLAT);
  });
}

/** Three answers, of which one is given up half-way, and a budget that changes and comes back. */
async function runLap(core: EngineCore, lap: number, maxTokens: number): Promise<void> {
  const domain = (['code', 'french', 'german'] as const)[lap % 3]!;
  const { tokens } = goldenPrompt(domain);
  const request = { tokens, maxTokens, temperature: 0.8, seed: lap, ignoreEos: true };
  await core.generate(request);
  const controller = new AbortController();
  const onToken = ({ index }: { index: number }) => {
    if (index === Math.floor(maxTokens / 2)) controller.abort();
  };
  await core.generate(request, { signal: controller.signal, onToken }).catch(() => undefined);
  await core.setBudget({ gpuBytes: lap % 2 === 0 ? '50%' : '12.5%' });
  await core.setBudget({ gpuBytes: '25%' });
  await core.generate({ ...request, tokens: tokens.slice(0, -1) });
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
