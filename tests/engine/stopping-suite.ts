// What ends an answer: strings, tokens, the limit, the context; and requests that are no requests.

import { describe, expect } from 'vitest';
import type { GenerateRequest } from '../../src/core/api';
import { expectEngineError } from '../support/expect-engine-error';
import { GREEDY, type Lab, type Recording, record } from '../support/engine-lab';
import { FreshAnswers, SUBJECT } from '../support/subject';

const LENGTH = 20;

export function stoppingSuite(lab: Lab): void {
  describe('stopping', () => {
    const fresh = new FreshAnswers();
    const request = { ...GREEDY, tokens: SUBJECT.prompt, maxTokens: LENGTH };

    lab.test('a stop string that spans tokens ends the answer before it', async (bench) => {
      const { result } = await fresh.to(request, bench);
      const whole = await fresh.to(request, bench);
      const stop = spanningText(whole);
      const core = await fresh.open(bench);
      const stopped = await record(core, { ...request, stopStrings: ['not in the answer', stop] });
      expect(stopped.result.text).toBe(result.text.slice(0, result.text.indexOf(stop)));
      expect(stopped.result.finishReason).toBe('stop');
      expect(stopped.events.map(({ text }) => text).join('')).toBe(stopped.result.text);
      // Steps that were in the queue behind the last token leave nothing for the next answer.
      expect((await record(core, request)).fingerprint).toEqual(whole.fingerprint);
    });

    lab.test('what only looks like a stop string is held back, then given', async (bench) => {
      const { result } = await fresh.to(request, bench);
      const core = await fresh.open(bench);
      const beginning = [...result.text].at(-1)!;
      const { result: held, events } = await record(core, { ...request, stopStrings: [`${beginning}\u0000 never`] });
      expect(held).toMatchObject({ text: result.text, tokens: result.tokens, finishReason: 'length' });
      const shown = events.map(({ text }) => text).join('');
      expect(shown.length).toBeLessThan(held.text.length);
      expect(held.text.startsWith(shown)).toBe(true);
    });

    lab.test('a stop token ends the answer and is not part of it', async (bench) => {
      const whole = await fresh.to(request, bench);
      const { tokens } = whole.result;
      const stopToken = tokens.find((token, i) => i >= 4 && tokens.indexOf(token) === i)!;
      const at = tokens.indexOf(stopToken);
      const core = await fresh.open(bench);
      for (const budget of ['100%', '25%'] as const) {
        await core.setBudget({ gpuBytes: budget });
        const { result } = await record(core, { ...request, stopTokens: [stopToken, 3] });
        expect(result.tokens).toEqual(
          tokens.slice(
            0,
            tokens.findIndex((token) => token === stopToken || token === 3),
          ),
        );
        expect(result.finishReason).toBe('stop');
        expect(result.stats.generatedTokens).toBe(result.tokens.length + 1);
      }
      expect(at).toBeGreaterThanOrEqual(4);
      expect((await record(core, request)).fingerprint).toEqual(whole.fingerprint);
    });

    lab.test("the model's own end ends the answer, unless it is ignored", async (bench) => {
      const whole = await fresh.to(request, bench);
      const { tokens } = whole.result;
      const eosToken = tokens[6]!;
      const core = await bench.open(SUBJECT.sourceWithEos(eosToken));
      const ended = await core.generate({ ...request, ignoreEos: false });
      expect(ended).toMatchObject({ tokens: tokens.slice(0, tokens.indexOf(eosToken)), finishReason: 'stop' });
      expect((await record(core, request)).fingerprint).toEqual(whole.fingerprint);
    });

    lab.test('a first token that stops gives an empty answer', async (bench) => {
      const { result } = await fresh.to(request, bench);
      const core = await fresh.open(bench);
      const stopped = await record(core, { ...request, stopTokens: [result.tokens[0]!] });
      expect(stopped.result).toMatchObject({ text: '', tokens: [], finishReason: 'stop' });
      expect(stopped.events).toEqual([]);
    });

    lab.test('the answer ends where the context does', async (bench) => {
      const whole = await fresh.to(request, bench);
      const source = SUBJECT.source;
      const core = await bench.open(source, { contextLength: SUBJECT.prompt.length + 5 });
      const { result, fingerprint } = await record(core, request);
      expect(fingerprint).toEqual(whole.fingerprint.slice(0, 5));
      expect(result.finishReason).toBe('length');
      const tooLong = Array.from({ length: SUBJECT.prompt.length + 5 }, () => 1);
      await expectEngineError(() => core.generate({ ...request, tokens: tooLong }), 'prompt-too-long', /context holds/);
      expect((await core.generate({ ...request, tokens: tooLong.slice(1) })).tokens).toHaveLength(1);
      expect((await record(core, request)).fingerprint).toEqual(fingerprint);
    });

    lab.test('a request that makes no sense is refused by name, and the next is answered', async (bench) => {
      const core = await fresh.open(bench);
      const bad: ReadonlyArray<readonly [Partial<GenerateRequest>, RegExp]> = [
        [{ tokens: [] }, /prompt/],
        [{ tokens: [1, -1] }, /prompt/],
        [{ tokens: [1.5] }, /prompt/],
        [{ tokens: [1_000_000] }, /prompt/],
        [{ maxTokens: 0 }, /maxTokens/],
        [{ maxTokens: 1.5 }, /maxTokens/],
        [{ temperature: -1 }, /temperature/],
        [{ temperature: Number.NaN }, /temperature/],
        [{ topK: -1 }, /topK/],
        [{ topP: 1.1 }, /topP/],
        [{ minP: -0.1 }, /minP/],
        [{ repetitionPenalty: 0 }, /repetitionPenalty/],
        [{ seed: 0.5 }, /seed/],
        [{ stopTokens: Array.from({ length: 17 }, (_, i) => i) }, /stopTokens/],
      ];
      for (const [options, message] of bad) await expectEngineError(() => core.generate({ ...request, ...options }), 'invalid-argument', message);
      expect((await record(core, request)).fingerprint).toEqual((await fresh.to(request, bench)).fingerprint);
    });
  });
}

/** Two characters or more of the answer that end in a later token than they begin in, at their first place in the text. */
function spanningText({ events, result }: Recording): string {
  let text = '';
  for (const event of events) {
    const [before, after] = [[...text].at(-1), [...event.text][0]];
    if (text.length > 3 && before !== undefined && after !== undefined) {
      const candidate = before + after;
      if (result.text.indexOf(candidate) === text.length - before.length) return candidate;
    }
    text += event.text;
  }
  throw new Error('the answer has no text that is found first between two tokens');
}
