// Engines as a page has them, for tests in Chromium: behind their worker.

import type { GeneratedToken, LoadOptions } from '../../src/core/api';
import { Engine } from '../../src/worker/client';
import { type TinyModelOptions, tinyQwen3Moe } from './gguf-writer';

/** vite serves what lies in public/ at the root. */
export function loadDemo(options: LoadOptions = {}): Promise<Engine> {
  Engine.demoUrl = new URL('/models/demo-q8_0.gguf', location.href).href;
  return Engine.load('demo', { store: 'memory', ...options });
}

export function fileOf(bytes: Uint8Array, name = 'tiny.gguf'): File {
  return new File([bytes as Uint8Array<ArrayBuffer>], name);
}

/** Random weights: loads and answers at once, says nothing sensible. On the CPU unless asked otherwise. */
export function loadTiny(options: LoadOptions = {}, model: TinyModelOptions = {}): Promise<Engine> {
  return Engine.load([fileOf(tinyQwen3Moe(model))], { backend: 'cpu', store: 'memory', ...options });
}

export async function listOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of stream) list.push(item);
  return list;
}

export function idsOf(answer: { readonly sluice?: { readonly tokens?: readonly GeneratedToken[] } }): number[] {
  return (answer.sluice?.tokens ?? []).map(({ id }) => id);
}

/** The best token each time, and no end before `max_tokens`. */
export const GREEDY = { temperature: 0, ignore_eos: true } as const;

/** The tokens with which an engine shows that it still works. */
export async function answerOf(engine: Engine, prompt: readonly number[] = [1, 2, 3], tokenCount = 5): Promise<number[]> {
  return idsOf(await engine.completions.create({ prompt, max_tokens: tokenCount, ...GREEDY }));
}
