// Residency under random sequences of everything that can be asked of it: what must always hold, and that it is what a naive model says.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ExpertKey, Residency } from '../../src/scheduler/residency';
import { NaiveResidency } from './naive-residency';

const SEQUENCES = { numRuns: 3000 };
const MAX_LAYERS = 5;
const MAX_EXPERTS = 9;
const MAX_TOP_K = 4;
/** So that slabs of other layers than the first are tried. */
const FIRST_LAYER = 3;

type Action =
  | { readonly kind: 'use'; readonly layer: number; readonly experts: readonly number[] }
  | { readonly kind: 'touch'; readonly layer: number; readonly experts: readonly number[] }
  | { readonly kind: 'release'; readonly layer: number; readonly expert: number }
  | { readonly kind: 'resize'; readonly slotCount: number };

const layer = fc.integer({ min: 0, max: MAX_LAYERS - 1 });
const expert = fc.integer({ min: 0, max: MAX_EXPERTS - 1 });
const experts = fc.uniqueArray(expert, { minLength: 1, maxLength: MAX_TOP_K });
const slots = fc.integer({ min: MAX_TOP_K, max: 30 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('use' as const), layer, experts }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('touch' as const), layer, experts }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), layer, expert }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resize' as const), slotCount: slots }) },
);
const sequence = fc.record({ layerCount: fc.integer({ min: 1, max: MAX_LAYERS }), slotCount: slots, actions: fc.array(action, { maxLength: 60 }) });

/** [slot] "layer/expert": the memory of a GPU, as the answers of Residency tell what to write and to move. */
type Memory = Map<number, string>;

function contentsOf(residency: Residency): Memory {
  return new Map([...residency.held()].map((held) => [held.slot, `${held.layer}/${held.expert}`]));
}

function expectConsistent(residency: Residency, memory: Memory): void {
  const held = [...residency.held()];
  expect(held.length).toBe(residency.heldCount);
  expect(held.length).toBeLessThanOrEqual(residency.slotCount);
  expect(new Set(held.map(({ slot }) => slot)).size).toBe(held.length);
  expect(new Set(held.map((h) => `${h.layer}/${h.expert}`)).size).toBe(held.length);
  for (const { layer: l, expert: e, slot } of held) {
    expect(slot).toBeLessThan(residency.slotCount);
    expect(residency.slotOf(l, e)).toBe(slot);
  }
  expect([...contentsOf(residency)].every(([slot, name]) => memory.get(slot) === name)).toBe(true);
}

function admit(residency: Residency, memory: Memory, layerIndex: number, needed: readonly number[]): void {
  const before = new Map(needed.map((e) => [e, residency.slotOf(layerIndex, e)]));
  const owners = contentsOf(residency);
  for (const admission of residency.admit(layerIndex, needed)) {
    expect(before.get(admission.expert)).toBeUndefined();
    const evicted = admission.evicted && `${admission.evicted.layer}/${admission.evicted.expert}`;
    expect(evicted).toBe(owners.get(admission.slot));
    if (admission.evicted?.layer === layerIndex) expect(needed).not.toContain(admission.evicted.expert);
    owners.set(admission.slot, `${layerIndex}/${admission.expert}`);
    memory.set(admission.slot, `${layerIndex}/${admission.expert}`);
  }
  for (const [e, slot] of before) {
    expect(residency.slotOf(layerIndex, e)).toBeDefined();
    if (slot !== undefined) expect(residency.slotOf(layerIndex, e)).toBe(slot);
  }
}

/** Copies as the answer says, into memory of the new size, and checks that nothing is moved onto something that stays. */
function resize(residency: Residency, memory: Memory, slotCount: number): Memory {
  const before = contentsOf(residency);
  const { evicted, moves } = residency.resize(slotCount);
  for (const { layer: l, expert: e } of evicted) expect(residency.slotOf(l, e)).toBeUndefined();
  expect(evicted.length).toBe(Math.max(0, before.size - slotCount));
  const next = new Map([...memory].filter(([slot]) => slot < slotCount));
  const gone = new Set(evicted.map((key) => `${key.layer}/${key.expert}`));
  for (const { from, to } of moves) {
    expect(from).toBeGreaterThanOrEqual(slotCount);
    const there = before.get(to);
    expect(there === undefined || gone.has(there)).toBe(true);
    next.set(to, memory.get(from)!);
  }
  return next;
}

describe('residency', () => {
  test('keeps its promises, and is the naive model', () => {
    fc.assert(
      fc.property(sequence, ({ layerCount, slotCount, actions }) => {
        const residency = new Residency(
          Array.from({ length: layerCount }, (_, i) => FIRST_LAYER + i),
          slotCount,
        );
        const naive = new NaiveResidency(layerCount, slotCount);
        let memory: Memory = new Map();
        for (const step of actions) {
          if (step.kind === 'resize') {
            memory = resize(residency, memory, step.slotCount);
            naive.resize(step.slotCount);
          } else {
            const layerIndex = FIRST_LAYER + (step.layer % layerCount);
            if (step.kind === 'use') {
              admit(residency, memory, layerIndex, step.experts);
              naive.admit(layerIndex, step.experts);
            } else if (step.kind === 'touch') {
              residency.touch(layerIndex, step.experts);
              naive.touch(layerIndex, step.experts);
            } else {
              residency.release(layerIndex, step.expert);
              naive.release(layerIndex, step.expert);
            }
          }
          expectConsistent(residency, memory);
          expect(contentsOf(residency)).toEqual(new Map(naive.held.map((h) => [h.slot, `${h.layer}/${h.expert}`])));
        }
      }),
      SEQUENCES,
    );
  });

  test('a layer within its quota keeps its experts while another is above', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ layer: fc.integer({ min: 0, max: 3 }), experts }), { maxLength: 80 }), (uses) => {
        const quota = MAX_TOP_K;
        const residency = new Residency([0, 1, 2, 3], 4 * quota);
        const robbed: ExpertKey[] = [];
        for (const use of uses) {
          const counts = [0, 1, 2, 3].map((l) => [...residency.held()].filter((h) => h.layer === l).length);
          for (const { evicted } of residency.admit(use.layer, use.experts)) {
            if (!evicted) continue;
            if (evicted.layer !== use.layer && counts[evicted.layer]! <= quota) robbed.push(evicted);
            counts[evicted.layer]!--;
          }
        }
        // With a quota of at least top-k, an expert goes only from a layer above its quota or from the layer that asks.
        expect(robbed).toEqual([]);
      }),
      SEQUENCES,
    );
  });

  test('a cycle over all layers hits where one list for all would not', () => {
    // 4 layers ask in turn for 2 experts each: 8 in 7 slots. The least recently used of all is always the one that is wanted next.
    const residency = new Residency([0, 1, 2, 3], 7);
    let hits = 0;
    for (let round = 0; round < 10; round++) {
      for (const l of [0, 1, 2, 3]) {
        hits += [0, 1].filter((e) => residency.slotOf(l, e) !== undefined).length;
        residency.admit(l, [0, 1]);
        residency.touch(l, [0, 1]);
      }
    }
    expect(hits).toBeGreaterThan(20);
  });

  test('more needed at once than there are slots is our bug', () => {
    expect(() => new Residency([0], 2).admit(0, [1, 2, 3])).toThrow(/assertion failed/);
  });
});
