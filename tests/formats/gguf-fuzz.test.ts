// Thousands of damaged headers: whatever the bytes, the answer is a file or an EngineError, soon.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../src/core/errors';
import { Random } from '../../src/core/random';
import { readGguf } from '../../src/formats/gguf';
import { MemorySource } from '../../src/formats/memory-source';
import { createChatTemplate } from '../../src/model/chat-template';
import { specFromGguf } from '../../src/model/from-gguf';
import { createTokenizer } from '../../src/model/tokenizer';
import { tinyQwen3Moe } from '../support/gguf-writer';

const ROUNDS = 3000;
const SLOWEST_MS = 5000;

const whole = tinyQwen3Moe({ hidden: 16, headSize: 8, layers: 1, ffn: 16, experts: 2, topK: 1 });

/** One to four faults: a flipped bit, a field set to an extreme number, bytes removed or repeated, the end cut off. */
function damage(random: Random, bytes: Uint8Array, headerBytes: number): Uint8Array {
  let damaged: Uint8Array = bytes.slice();
  for (let fault = random.integer(1, 4); fault > 0; fault--) {
    const at = Math.min(random.integer(0, headerBytes - 1), damaged.byteLength - 1);
    const kind = random.integer(0, 9);
    if (kind < 5) damaged[at] = (damaged[at] ?? 0) ^ (1 << random.integer(0, 7));
    else if (kind < 7) damaged.fill(random.integer(0, 1) * 255, at, at + (random.integer(0, 1) === 0 ? 4 : 8));
    else if (kind === 7) damaged = splice(damaged, at, random.integer(1, 16), new Uint8Array(0));
    else if (kind === 8) damaged = splice(damaged, at, 0, damaged.slice(at, at + random.integer(1, 40)));
    else damaged = damaged.slice(0, Math.max(1, at));
  }
  return damaged;
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed)]);
}

describe('damaged files', () => {
  it(`${ROUNDS} of them give a model or an EngineError`, async () => {
    const random = new Random(20_260_101);
    const { dataStartBytes } = await readGguf(new MemorySource(whole));
    const seen = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = damage(random, whole, dataStartBytes);
      const startedAt = performance.now();
      let outcome = 'read';
      try {
        const file = await readGguf(new MemorySource(bytes));
        outcome = 'read, but not understood';
        specFromGguf(file);
        createTokenizer(file).encode('the thin <|im_end|>', { special: true });
        createChatTemplate(file)?.render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true });
        outcome = 'accepted';
      } catch (thrown) {
        if (!(thrown instanceof EngineError) || thrown.code === 'internal') throw new Error(`round ${round}`, { cause: thrown });
        outcome += `: ${thrown.code}`;
      }
      expect(performance.now() - startedAt, `round ${round}`).toBeLessThan(SLOWEST_MS);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
    // The damage reaches every stage.
    for (const outcome of ['accepted', 'read: not-gguf', 'read: file-corrupt', 'read: file-truncated', 'read, but not understood: file-corrupt']) {
      expect(seen.get(outcome) ?? 0, JSON.stringify([...seen])).toBeGreaterThan(ROUNDS / 1000);
    }
  });
});
