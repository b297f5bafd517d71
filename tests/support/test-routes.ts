// Routes as the routing kernel leaves them, and their groups, made by hand for the kernels that read them.

import { MISSING_SLOT } from '../../src/core/control';
import { BLOCK_SIZE } from '../../src/core/packed-weights';
import type { Random } from '../../src/core/random';

export interface TestRoute {
  readonly expert: number;
  readonly slot: number;
  readonly weight: number;
}

/** Fills the words before the routes: an expert, slot or weight read there is far out of range. */
const FILLER_WORD = 0xdeadbeef;

/** `count` different numbers below `limit`, in random order. */
export function drawDistinct(random: Random, count: number, limit: number): number[] {
  const all = Array.from({ length: limit }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = random.integer(i, limit - 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all.slice(0, count);
}

/** [token, k]: distinct experts per token, weights in (0, 1), each expert's slot from the table. */
export function randomRoutes(random: Random, tokenCount: number, topK: number, slotTable: Uint32Array, tableOffset = 0): TestRoute[] {
  const expertCount = slotTable.length - tableOffset;
  return Array.from({ length: tokenCount }, () => drawDistinct(random, topK, expertCount))
    .flat()
    .map((expert) => ({ expert, slot: slotTable[tableOffset + expert]!, weight: Math.fround(random.float(0.01, 1)) }));
}

/** The same routes, of which some experts have no slot. */
export function withoutSlots(routes: readonly TestRoute[], missing: readonly number[]): TestRoute[] {
  return routes.map((route, i) => (missing.includes(i) ? { ...route, slot: MISSING_SLOT } : route));
}

export function encodeRoutes(routes: readonly TestRoute[], offsetWords: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(offsetWords + routes.length * 3).fill(FILLER_WORD, 0, offsetWords);
  const floats = new Float32Array(words.buffer);
  routes.forEach(({ expert, slot, weight }, i) => {
    words[offsetWords + i * 3] = expert;
    words[offsetWords + i * 3 + 1] = slot;
    floats[offsetWords + i * 3 + 2] = weight;
  });
  return words;
}

/** [expert] counts, [expert] firsts, then the pairs in the order of their experts. */
export function groupRoutes(routes: readonly TestRoute[], expertCount: number): Uint32Array<ArrayBuffer> {
  const pairs = routes.map(({ expert }, pair) => ({ expert, pair })).sort((a, b) => a.expert - b.expert || a.pair - b.pair);
  const counts = Array.from({ length: expertCount }, (_, e) => routes.filter(({ expert }) => expert === e).length);
  const firsts = counts.map((_, e) => counts.slice(0, e).reduce((a, b) => a + b, 0));
  return Uint32Array.from([...counts, ...firsts, ...pairs.map(({ pair }) => pair)]);
}

/** A row of a slot table after `offset` words of other layers: every expert in a slot of its own, in an order that is not the experts'. */
export function shuffledSlots(random: Random, expertCount: number, slotCount: number, offset: number): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(offset + expertCount).fill(FILLER_WORD, 0, offset);
  table.set(drawDistinct(random, expertCount, slotCount), offset);
  return table;
}

/** Floats of one padded row of `columnCount` columns. */
export function paddedLength(columnCount: number): number {
  return Math.ceil(columnCount / BLOCK_SIZE) * BLOCK_SIZE;
}
