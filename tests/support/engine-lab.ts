// One backend per test file, and engines on it. The first dispatch of a pipeline compiles it, seconds in all on a software adapter, so engines share the device
// and tests share the demo model.

import { afterAll, test } from 'vitest';
import { defined } from '../../src/core/assert';
import type { GeneratedToken, GenerateRequest, GenerateResult } from '../../src/core/api';
import type { Backend } from '../../src/core/backend';
import type { EngineCore, RunHooks } from '../../src/engine/engine-core';
import type { Source } from '../../src/formats/source';
import { demoSource } from './demo-model';
import type { BackendFactory } from './engine-backends';
import { type OpenCoreOptions, openCore } from './open-core';

interface LabTest {
  (title: string, body: (bench: Bench) => Promise<void>): void;
  each<T>(values: readonly T[]): (title: string, body: (value: T, bench: Bench) => Promise<void>) => void;
}

export interface Lab {
  /** Registers a test that is skipped, loudly, where there is no adapter. */
  readonly test: LabTest;
  /** The same with the demo model, fully resident at the beginning. */
  demoTest(title: string, body: (core: EngineCore, bench: Bench) => Promise<void>): void;
}

export interface Bench {
  readonly backend: Backend;
  /** A fresh engine on this backend. It is not to be disposed: that would dispose the backend. */
  open(source: Source, options?: OpenCoreOptions): Promise<EngineCore>;
  /** One on a backend of its own, to be disposed. */
  openAlone(source: Source): Promise<EngineCore>;
}

/** A bound for what hangs, far from what a slow machine needs. */
const TIMEOUT_MS = 240_000;

export function createLab(makeBackend: BackendFactory, timeoutMs = TIMEOUT_MS): Lab {
  let opening: Promise<Backend | undefined> | undefined;
  let demo: Promise<EngineCore> | undefined;
  afterAll(async () => {
    await (await opening)?.dispose();
  });
  const labTest = (title: string, body: (bench: Bench) => Promise<void>): void =>
    test(title, { timeout: timeoutMs }, async (context) => {
      opening ??= makeBackend();
      const backend = await opening;
      if (!backend) return void context.skip('no WebGPU adapter');
      await body({
        backend,
        open: (source, options) => openCore(backend, source, options),
        openAlone: async (source) => openCore(defined(await makeBackend(), 'a second backend'), source),
      });
    });
  const each: LabTest['each'] = (values) => (title, body) => {
    for (const value of values) labTest(title.replace('%s', String(value)), (bench) => body(value, bench));
  };
  return {
    test: Object.assign(labTest, { each }),
    demoTest: (title, body) =>
      labTest(title, async (bench) => {
        demo ??= demoSource().then((source) => openCore(bench.backend, source));
        const core = await demo;
        core.onRouting = undefined;
        await core.setBudget({ gpuBytes: '100%' });
        await body(core, bench);
      }),
  };
}

/** Always the best token, and no end before `maxTokens`. */
export const GREEDY = { temperature: 0, ignoreEos: true } as const satisfies Partial<GenerateRequest>;

export interface Recording {
  readonly result: GenerateResult;
  readonly events: readonly GeneratedToken[];
  /** Two answers are the same exactly when these are equal: tokens and the bits of their log-probabilities. */
  readonly fingerprint: ReadonlyArray<readonly [token: number, logprob: number]>;
}

/** Generates and keeps the events. */
export async function record(core: EngineCore, request: GenerateRequest, hooks: RunHooks = {}): Promise<Recording> {
  const events: GeneratedToken[] = [];
  const onToken = (token: GeneratedToken): void => {
    events.push(token);
    hooks.onToken?.(token);
  };
  const result = await core.generate(request, { ...hooks, onToken });
  return { result, events, fingerprint: events.map(({ id, logprob }) => [id, logprob]) };
}
