// The life of a worker: loading that is given up, disposing, and a worker that fails. Small random models on the CPU, since nothing here depends on what they say.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors';
import { type RoutingFrame, TIER_INDEX } from '../../src/core/routing-frame';
import { expectEngineError } from '../support/expect-engine-error';
import { GREEDY, answerOf, listOf, loadDemo, loadTiny } from '../support/page-engine';
import { type WatchedWorkers, isAlive, watchWorkers } from '../support/page-workers';

let workers: WatchedWorkers;
beforeEach(() => (workers = watchWorkers()));
afterEach(() => {
  workers.restore();
  for (const worker of workers.started) worker.terminate();
});

const lastWorker = (): Worker => workers.started.at(-1)!;
const LONG = { prompt: [1, 2, 3], max_tokens: 10_000, stream: true, ...GREEDY } as const;
/** Room for an answer that does not end while a test looks at it. */
const ENDLESS = { contextLength: 100_000 } as const;

describe('giving up a load', () => {
  test('before it begins starts no worker', async () => {
    await expectEngineError(() => loadTiny({ signal: AbortSignal.abort() }), 'aborted');
    expect(workers.started).toEqual([]);
  });

  test.each(['trunk', 'compile', 'experts'] as const)('in the phase "%s" ends the worker; the next load works', async (phase) => {
    const abort = new AbortController();
    const onProgress = (progress: { readonly phase: string }): void => {
      if (progress.phase === phase) abort.abort();
    };
    await expectEngineError(() => loadDemo({ backend: 'cpu', signal: abort.signal, onProgress }), 'aborted');
    expect(await isAlive(lastWorker(), 500)).toBe(false);
    const engine = await loadTiny();
    expect(await answerOf(engine)).toHaveLength(5);
    await engine.dispose();
  });

  test('after it ended does nothing', async () => {
    const abort = new AbortController();
    const engine = await loadTiny({ signal: abort.signal });
    abort.abort();
    expect(await answerOf(engine)).toHaveLength(5);
    await engine.dispose();
  });
});

describe('two engines', () => {
  test('have two workers and answer side by side', async () => {
    const [one, two] = await Promise.all([loadTiny(), loadTiny({}, { seed: 2 })]);
    const alone = [await answerOf(one), await answerOf(two)];
    expect(alone[0]).not.toEqual(alone[1]);
    expect(await Promise.all([answerOf(one), answerOf(two)])).toEqual(alone);
    await one.dispose();
    expect(await answerOf(two)).toEqual(alone[1]);
    await two.dispose();
  });
});

describe('one engine', () => {
  test('answers several requests in the order in which they came', async () => {
    const engine = await loadTiny();
    const prompts = [[1], [2, 3], [4, 5, 6]];
    const alone: number[][] = [];
    for (const prompt of prompts) alone.push(await answerOf(engine, prompt));
    const order: number[] = [];
    const together = await Promise.all(
      prompts.map(async (prompt, index) => {
        const tokens = await answerOf(engine, prompt);
        order.push(index);
        return tokens;
      }),
    );
    expect(together).toEqual(alone);
    expect(order).toEqual([0, 1, 2]);
    await engine.dispose();
  });

  test('tells several readers of its routing, each from when it began to read', async () => {
    const engine = await loadTiny();
    const first: RoutingFrame[] = [];
    const second: RoutingFrame[] = [];
    const read = async (frames: RoutingFrame[]): Promise<void> => {
      for await (const frame of engine.routing()) frames.push(frame);
    };
    const reading = [read(first)];
    await answerOf(engine, [1, 2, 3], 2);
    reading.push(read(second));
    await answerOf(engine, [7, 8], 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await engine.dispose();
    await Promise.all(reading);
    const idsOfFrames = (frames: readonly RoutingFrame[]): number[] => frames.flatMap(({ tokenIds }) => [...tokenIds]);
    const [begin, end] = [idsOfFrames(first), idsOfFrames(second)];
    expect(begin.slice(0, 3)).toEqual([1, 2, 3]);
    expect(end.slice(0, 2)).toEqual([7, 8]);
    expect(begin).toHaveLength(3 + 1 + 2 + 1);
    expect(begin.slice(4)).toEqual(end);
  });

  test('gives at most one frame per animation frame, and loses no token between them', async () => {
    const engine = await loadTiny();
    let animationFrames = 0;
    let isOver = false;
    const count = (): void => {
      animationFrames++;
      if (!isOver) requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    const frames: RoutingFrame[] = [];
    const reading = (async () => {
      for await (const frame of engine.routing()) frames.push(frame);
    })();
    const ids = await answerOf(engine, [1, 2, 3], 60);
    await new Promise((resolve) => setTimeout(resolve, 300));
    isOver = true;
    await engine.dispose();
    await reading;
    expect(frames.length).toBeLessThanOrEqual(animationFrames + 1);
    expect(frames.flatMap(({ tokenIds }) => [...tokenIds])).toEqual([1, 2, 3, ...ids.slice(0, -1)]);
  });
});

describe('dispose', () => {
  test('ends the worker; twice is once', async () => {
    const engine = await loadTiny();
    expect(await isAlive(lastWorker())).toBe(true);
    await Promise.all([engine.dispose(), engine.dispose()]);
    await engine.dispose();
    expect(await isAlive(lastWorker(), 500)).toBe(false);
  });

  test('afterwards everything rejects with "disposed"', async () => {
    const engine = await loadTiny();
    await engine.dispose();
    const uses: ReadonlyArray<() => unknown> = [
      () => engine.completions.create({ prompt: [1] }),
      () => engine.completions.create({ prompt: [1], stream: true }),
      () => engine.chat.completions.create({ messages: [{ role: 'user', content: 'Hi' }] }),
      () => engine.tokenize('a'),
      () => engine.detokenize([1]),
      () => engine.stats(),
      () => engine.setBudget({ gpuBytes: '50%' }),
      () => listOf(engine.routing()),
    ];
    for (const use of uses) await expectEngineError(use, 'disposed');
  });

  test('ends the answer that runs with "disposed", soon, and the loop over routing without an error', async () => {
    const engine = await loadTiny(ENDLESS, { contextLength: 100_000 });
    const frames = listOf(engine.routing());
    const stream = await engine.completions.create(LONG);
    let disposing: Promise<void> | undefined;
    await expectEngineError(async () => {
      for await (const { sluice } of stream) if (sluice?.tokens?.[0]?.index === 2) disposing = engine.dispose();
    }, 'disposed');
    await disposing;
    expect((await frames).length).toBeGreaterThan(0);
    expect(await isAlive(lastWorker(), 500)).toBe(false);
  });

  test('ends answers that wait', async () => {
    const engine = await loadTiny(ENDLESS, { contextLength: 100_000 });
    const answers = [1, 2].map((id) => engine.completions.create({ prompt: [id], max_tokens: 10_000, ...GREEDY }));
    const codes = Promise.all(answers.map((answer) => answer.catch((error: unknown) => (error instanceof EngineError ? error.code : error))));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await engine.dispose();
    expect(await codes).toEqual(['disposed', 'disposed']);
  });
});

describe('a worker that fails', () => {
  /** Comlink cannot read this message and throws outside of any call. */
  const breakWorker = (): void => lastWorker().postMessage({ argumentList: [null] });

  test('is told by `failed`; what runs and what comes later rejects, and disposing works', async () => {
    const engine = await loadTiny(ENDLESS, { contextLength: 100_000 });
    const stream = await engine.completions.create(LONG);
    await expectEngineError(
      async () => {
        for await (const { sluice } of stream) if (sluice?.tokens?.[0]?.index === 2) breakWorker();
      },
      'internal',
      'The worker stopped',
    );
    expect(await engine.failed).toMatchObject({ code: 'internal', hint: expect.stringContaining('Load the model again') as string });
    await expectEngineError(() => engine.stats(), 'internal');
    await expectEngineError(() => engine.completions.create({ prompt: [1], stream: true }), 'internal');
    await expectEngineError(() => listOf(engine.routing()), 'internal');
    await engine.dispose();
    expect(await isAlive(lastWorker(), 500)).toBe(false);
    await expectEngineError(() => engine.stats(), 'disposed');
  });

  test('ends a stream that had not begun', async () => {
    const engine = await loadTiny();
    const stream = await engine.completions.create(LONG);
    breakWorker();
    await engine.failed;
    await expectEngineError(() => listOf(stream), 'internal');
    await engine.dispose();
  });

  test('while it loads rejects the load', async () => {
    const loading = loadTiny();
    breakWorker();
    await expectEngineError(() => loading, 'internal', 'The worker stopped');
    expect(await isAlive(lastWorker(), 500)).toBe(false);
  });

  test('because its script is not there rejects the load', async () => {
    workers.restore();
    const Original = globalThis.Worker;
    globalThis.Worker = class extends Original {
      constructor(_url: string | URL, options?: WorkerOptions) {
        super(new URL('/no-such-worker.js', location.href), options);
      }
    };
    try {
      await expectEngineError(() => loadTiny(), 'internal', 'The worker stopped');
    } finally {
      globalThis.Worker = Original;
    }
  });
});

test('a budget that is given at the load changes no token', async () => {
  const answers: number[][] = [];
  for (const gpuBytes of ['100%', '50%', 0] as const) {
    const engine = await loadTiny({ budget: { gpuBytes } });
    answers.push(await answerOf(engine, [5, 6, 7], 20));
    const { budget, expertsHeld } = await engine.stats();
    expect(expertsHeld.gpu).toBe(budget.gpuSlots);
    expect(budget.gpuSlots).toBe(gpuBytes === '100%' ? 8 : gpuBytes === '50%' ? 4 : 2);
    await engine.dispose();
  }
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
});

test('a larger budget fills its slots while nothing else is to be done, and readers of the routing see it', async () => {
  const engine = await loadTiny({ budget: { gpuBytes: 0 } });
  const places: number[] = [];
  const reading = (async () => {
    for await (const { residency } of engine.routing()) {
      places.push(residency.filter((tier) => tier === TIER_INDEX.gpu).length);
      if (places.at(-1) === 8) return;
    }
  })();
  await expect.poll(() => places.at(-1)).toBe(2);
  await engine.setBudget({ gpuBytes: '100%' });
  await reading;
  expect((await engine.stats()).expertsHeld.gpu).toBe(8);
  await engine.dispose();
});
