// Answers that are cut off, fail, wait or share a beginning: whatever happened before, the next answer is the one that a fresh engine gives.

import { describe, expect } from 'vitest';
import { EngineError } from '../../src/core/errors';
import type { EngineCore } from '../../src/engine/engine-core';
import { expectEngineError } from '../support/expect-engine-error';
import { type Bench, GREEDY, type Lab, record } from '../support/engine-lab';
import { FreshAnswers, SUBJECT } from '../support/subject';

const LENGTH = 14;

export function interruptionSuite(lab: Lab): void {
  const fresh = new FreshAnswers();
  const request = { ...GREEDY, tokens: SUBJECT.prompt, maxTokens: LENGTH };
  const longRequest = { ...GREEDY, tokens: SUBJECT.longPrompt, maxTokens: 6 };
  const otherRequest = { ...GREEDY, tokens: SUBJECT.otherPrompt, maxTokens: LENGTH };

  /** The engine answers as if nothing had happened, to prompts that share their beginning with what went wrong and to one that does not. */
  async function expectSound(core: EngineCore, bench: Bench): Promise<void> {
    for (const next of [longRequest, request, otherRequest]) {
      expect((await record(core, next)).fingerprint).toEqual((await fresh.to(next, bench)).fingerprint);
    }
  }

  describe('abort', () => {
    lab.test('before it starts', async (bench) => {
      const core = await fresh.open(bench);
      await expectEngineError(() => core.generate(request, { signal: AbortSignal.abort() }), 'aborted');
      await expectSound(core, bench);
    });

    lab.test('while a long prompt is read, which takes the place of an earlier one', async (bench) => {
      const core = await fresh.open(bench);
      await core.generate(otherRequest);
      const controller = new AbortController();
      let chunkCount = 0;
      core.onRouting = () => {
        chunkCount++;
        controller.abort();
      };
      await expectEngineError(() => core.generate(longRequest, { signal: controller.signal }), 'aborted');
      expect(chunkCount).toBe(1);
      core.onRouting = undefined;
      // The earlier prompt is no longer in the cache, although it was the last one that was read to its end.
      expect((await record(core, otherRequest)).fingerprint).toEqual((await fresh.to(otherRequest, bench)).fingerprint);
      await expectSound(core, bench);
    });

    lab.test.each(['100%', '0%'] as const)('in an answer, at a budget of %s', async (budget, bench) => {
      const core = await fresh.open(bench);
      await core.setBudget({ gpuBytes: budget });
      const controller = new AbortController();
      const indices: number[] = [];
      const onToken = ({ index }: { index: number }) => {
        indices.push(index);
        if (index === 4) controller.abort();
      };
      await expectEngineError(() => core.generate(request, { signal: controller.signal, onToken }), 'aborted');
      expect(indices).toEqual([0, 1, 2, 3, 4]);
      await expectSound(core, bench);
    });

    lab.test('while it waits for another answer', async (bench) => {
      const core = await fresh.open(bench);
      const controller = new AbortController();
      const first = record(core, otherRequest);
      const second = expectEngineError(() => core.generate(request, { signal: controller.signal }), 'aborted');
      controller.abort();
      await second;
      expect((await first).fingerprint).toEqual((await fresh.to(otherRequest, bench)).fingerprint);
      await expectSound(core, bench);
    });
  });

  describe('an expert that does not come', () => {
    for (const [where, isDecode] of [
      ['while the prompt is read', false],
      ['in decode', true],
    ] as const) {
      // prettier-ignore
      lab.test(`${where}: the answer fails with that error`, async (bench) => {
        const failure = new EngineError('source-network', 'The network failed.', 'Try again.');
        let fetchesUntilFailure = Number.POSITIVE_INFINITY;
        const core = await bench.open(SUBJECT.source, {
          budget: '0%',
          wrapFetch: (fetch) => async (layer, expert, options) => {
            if (--fetchesUntilFailure === 0) throw failure;
            return fetch(layer, expert, options);
          },
        });
        const onToken = () => {
          if (isDecode && fetchesUntilFailure === Number.POSITIVE_INFINITY) fetchesUntilFailure = 6;
        };
        if (!isDecode) fetchesUntilFailure = 5;
        const thrown = await core.generate(request, { onToken }).catch((error: unknown) => error);
        expect(thrown).toBe(failure);
        expect(fetchesUntilFailure).toBeLessThanOrEqual(0);
        await expectSound(core, bench);
      });
    }

    lab.test('because of an abort in the fetch itself', async (bench) => {
      const controller = new AbortController();
      let isArmed = false;
      const core = await bench.open(SUBJECT.source, {
        budget: '0%',
        wrapFetch: (fetch) => (layer, expert, options) => {
          if (isArmed) controller.abort();
          return fetch(layer, expert, options);
        },
      });
      const onToken = ({ index }: { index: number }) => {
        isArmed = index === 2;
      };
      await expectEngineError(() => core.generate(request, { signal: controller.signal, onToken }), 'aborted');
      isArmed = false;
      await expectSound(core, bench);
    });
  });

  describe('several requests', () => {
    lab.test('at once run one after the other', async (bench) => {
      const core = await fresh.open(bench);
      await core.setBudget({ gpuBytes: '50%' });
      const order: string[] = [];
      const ask = (name: string, what: typeof request) => record(core, what, { onToken: () => void order.push(name) });
      const [a, b, c] = await Promise.all([ask('a', request), ask('b', otherRequest), ask('c', request)]);
      expect(order.join('')).toBe('a'.repeat(LENGTH) + 'b'.repeat(LENGTH) + 'c'.repeat(LENGTH));
      expect(a.fingerprint).toEqual((await fresh.to(request, bench)).fingerprint);
      expect(b.fingerprint).toEqual((await fresh.to(otherRequest, bench)).fingerprint);
      expect(c.fingerprint).toEqual(a.fingerprint);
    });

    lab.test('that share a beginning do not run it again, and give the same', async (bench) => {
      const core = await fresh.open(bench);
      const first = await record(core, request);
      const follow = { ...GREEDY, tokens: [...SUBJECT.prompt, ...first.result.tokens, ...SUBJECT.otherPrompt], maxTokens: LENGTH };
      const positions: number[] = [];
      core.onRouting = ({ phase, position }) => {
        if (phase === 'prefill') positions.push(position);
      };
      expect((await record(core, follow)).fingerprint).toEqual((await fresh.to(follow, bench)).fingerprint);
      expect(positions[0]).toBe(SUBJECT.prompt.length);
      core.onRouting = undefined;
      await expectSound(core, bench);
    });

    lab.test('with logits asked for in between', async (bench) => {
      const core = await fresh.open(bench);
      await core.generate(request);
      const logits = await core.logits(SUBJECT.otherPrompt);
      await core.generate(longRequest);
      expect(await core.logits(SUBJECT.otherPrompt)).toEqual(logits);
      await expectSound(core, bench);
    });
  });

  describe('dispose', () => {
    lab.test('waits for the answer that runs and refuses all that comes after', async (bench) => {
      const core = await bench.openAlone(SUBJECT.source);
      let disposed: Promise<void> | undefined;
      const running = record(core, request, { onToken: () => void (disposed ??= core.dispose()) });
      const waiting = core.generate(otherRequest).catch((error: unknown) => error);
      expect((await running).fingerprint).toEqual((await fresh.to(request, bench)).fingerprint);
      await disposed;
      await expectEngineError(async () => {
        throw await waiting;
      }, 'disposed');
      await expectEngineError(() => core.generate(request), 'disposed');
      await expectEngineError(() => core.logits(SUBJECT.prompt), 'disposed');
      await expectEngineError(() => core.setBudget({ gpuBytes: '5%' }), 'disposed');
      await core.dispose();
    });
  });
}
