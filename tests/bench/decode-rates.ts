// Tokens a second of the demo model, all experts on the GPU and a quarter of them, in one run on one engine: the model on disk, no RAM tier, no network.

import type { AnswerTimes, EngineStats } from '../../src/core/api';
import { Engine } from '../../src/worker/client';
import { GREEDY, idsOf } from '../support/page-engine';
import { goldenPrompt } from '../support/golden';

interface DecodeRate {
  readonly tokensPerSecond: number;
  readonly halts: number;
  readonly bytesRead: EngineStats['bytesRead'];
  readonly times: AnswerTimes;
  /** Part of the answer's time in which experts were waited for: read, checked, uploaded. */
  readonly waitShare: number;
}

export interface DecodeBenchResult {
  readonly backend: string;
  readonly adapter: string;
  readonly store: string;
  readonly tokenCount: number;
  readonly resident: DecodeRate;
  readonly quarter: DecodeRate;
  /** quarter / resident. */
  readonly ratio: number;
}

export async function benchDecode(backend: 'webgpu' | 'cpu', tokenCount: number): Promise<DecodeBenchResult> {
  Engine.demoUrl = new URL('/models/demo-q8_0.gguf', location.href).href;
  const engine = await Engine.load('demo', { backend, budget: { gpuBytes: '100%', ramBytes: 0 } });
  try {
    await untilOnDisk(engine);
    const { tokens } = goldenPrompt('stories');
    const answer = async () => idsOf(await engine.completions.create({ prompt: tokens, max_tokens: tokenCount, ...GREEDY }));
    await answer(); // warms up
    const expected = await answer();
    const resident = rateOf(await engine.stats());
    await engine.setBudget({ gpuBytes: '25%' });
    await answer(); // fills the slots with what this text uses
    const found = await answer();
    const stats = await engine.stats();
    if (found.join() !== expected.join()) throw new Error('streaming changed the tokens');
    if (stats.bytesRead.network > 0) throw new Error('an expert came from the network');
    const quarter = rateOf(stats);
    const ratio = quarter.tokensPerSecond / resident.tokensPerSecond;
    return { backend: stats.backend, adapter: stats.adapter, store: stats.store, tokenCount, resident, quarter, ratio };
  } finally {
    await engine.dispose();
  }
}

async function untilOnDisk(engine: Engine): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    const { expertsHeld } = await engine.stats();
    if (expertsHeld.disk === expertsHeld.total) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the model did not get to the disk within two minutes');
}

function rateOf({ decodeTokensPerSecond, halts, bytesRead, times }: EngineStats): DecodeRate {
  const { computeMs, haltMs, readMs, checksumMs, uploadMs, waitMs } = times;
  const waitingMs = readMs + checksumMs + uploadMs + waitMs;
  return { tokensPerSecond: decodeTokensPerSecond, halts, bytesRead, times, waitShare: waitingMs / (computeMs + haltMs + waitingMs) };
}
