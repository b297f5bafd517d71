// Residency under random sequences of everything that can be asked of it, with every policy: what must always hold, and that it is what a naive model says.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assert } from '../../src/core/assert';
import { POLICY_NAMES, createPolicy } from '../../src/scheduler/create-policy';
import { type AdmitOptions, type ExpertKey, Residency } from '../../src/scheduler/residency';
import { NaiveResidency } from './naive-residency';

/** Of each policy; together more than 10,000. */
const SEQUENCES = { numRuns: 1200, seed: 1 };
const MAX_LAYERS = 5;
const MAX_EXPERTS = 9;
const MAX_TOP_K = 4;
/** So that slabs of other layers than the first are tried. */
const FIRST_LAYER = 3;

const QUOTA_PAIRS = [...POLICY_NAMES, 'least-stale/none', 'forecast/demand'];
const policyOf = (name: string) => createPolicy(name, { layerCount: FIRST_LAYER + MAX_LAYERS, expertCount: MAX_EXPERTS, expertsPerToken: 2 });
const slabOf = (layerCount: number) => Array.from({ length: layerCount }, (_, i) => FIRST_LAYER + i);

type Action =
  | { readonly kind: 'use' | 'speculate' | 'touch'; readonly layer: number; readonly experts: readonly number[]; readonly pins: readonly number[] }
  | { readonly kind: 'release'; readonly layer: number; readonly expert: number }
  | { readonly kind: 'resize'; readonly slotCount: number };

const layer = fc.integer({ min: 0, max: MAX_LAYERS - 1 });
const expert = fc.integer({ min: 0, max: MAX_EXPERTS - 1 });
const experts = fc.uniqueArray(expert, { minLength: 1, maxLength: MAX_TOP_K });
const slots = fc.integer({ min: MAX_TOP_K, max: 30 });
/** Slots whose holders are pinned when the action begins. */
const somePins = fc.uniqueArray(fc.nat({ max: 29 }), { maxLength: 30 });
const noPins = fc.constant([]);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('use' as const), layer, experts, pins: noPins }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('speculate' as const), layer, experts, pins: somePins }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('touch' as const), layer, experts, pins: noPins }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), layer, expert }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resize' as const), slotCount: slots }) },
);
const sequence = fc.record({ layerCount: fc.integer({ min: 1, max: MAX_LAYERS }), slotCount: slots, actions: fc.array(action, { maxLength: 60 }) });

/** [slot] "layer/expert": the memory of a GPU, as the answers of Residency tell what to write and to move. */
type Memory = Map<number, string>;

function contentsOf(residency: Residency): Memory {
  return new Map([...residency.held()].map((held) => [held.slot, `${held.layer}/${held.expert}`]));
}

// What is checked for every action of every sequence is asserted, not expected, which would take minutes.

function assertConsistent(residency: Residency, memory: Memory): void {
  const held = [...residency.held()];
  assert(held.length === residency.heldCount && held.length <= residency.slotCount, `${held.length} held in ${residency.slotCount} slots`);
  assert(new Set(held.map((h) => `${h.layer}/${h.expert}`)).size === held.length, 'an expert in two slots');
  for (const { layer: l, expert: e, slot } of held) {
    assert(slot < residency.slotCount, `slot ${slot}`);
    assert(residency.slotOf(l, e) === slot, `slot of ${l}/${e}`);
    assert(memory.get(slot) === `${l}/${e}`, `slot ${slot} holds ${memory.get(slot)}, not ${l}/${e}`);
  }
}

function admit(residency: Residency, memory: Memory, layerIndex: number, wanted: readonly number[], options: AdmitOptions): void {
  const before = new Map(wanted.map((e) => [e, residency.slotOf(layerIndex, e)]));
  const owners = contentsOf(residency);
  const pinned = [...residency.held()].filter((h) => options.isPinned?.(h.layer, h.expert));
  for (const admission of residency.admit(layerIndex, wanted, options)) {
    assert(before.get(admission.expert) === undefined, 'admitted though held');
    const evicted = admission.evicted && `${admission.evicted.layer}/${admission.evicted.expert}`;
    assert(evicted === owners.get(admission.slot), `evicted ${evicted} from the slot of ${owners.get(admission.slot)}`);
    assert(admission.evicted?.layer !== layerIndex || !wanted.includes(admission.evicted.expert), 'evicted what the step needs');
    owners.set(admission.slot, `${layerIndex}/${admission.expert}`);
    memory.set(admission.slot, `${layerIndex}/${admission.expert}`);
  }
  for (const [e, slot] of before) {
    assert(options.optional === true || residency.slotOf(layerIndex, e) !== undefined, `${e} is needed and has no slot`);
    assert(slot === undefined || residency.slotOf(layerIndex, e) === slot, `${e} was moved`);
  }
  for (const { layer: l, expert: e, slot } of pinned) assert(residency.slotOf(l, e) === slot, `${l}/${e} was pinned`);
}

/** Copies as the answer says, into memory of the new size, and checks that nothing is moved onto something that stays. */
function resize(residency: Residency, memory: Memory, slotCount: number): Memory {
  const before = contentsOf(residency);
  const { evicted, moves } = residency.resize(slotCount);
  for (const { layer: l, expert: e } of evicted) assert(residency.slotOf(l, e) === undefined, `${l}/${e} was evicted`);
  assert(evicted.length === Math.max(0, before.size - slotCount), 'evicts what it must and no more');
  const next = new Map([...memory].filter(([slot]) => slot < slotCount));
  const gone = new Set(evicted.map((key) => `${key.layer}/${key.expert}`));
  for (const { from, to } of moves) {
    assert(from >= slotCount, 'moves only what must');
    const there = before.get(to);
    assert(there === undefined || gone.has(there), `moved onto ${there}`);
    next.set(to, memory.get(from)!);
  }
  return next;
}

describe('residency', () => {
  test.each(QUOTA_PAIRS)('%s: keeps its promises, and is the naive model', (name) => {
    fc.assert(
      fc.property(sequence, ({ layerCount, slotCount, actions }) => {
        const residency = new Residency(slabOf(layerCount), slotCount, policyOf(name));
        const naive = new NaiveResidency(slabOf(layerCount), slotCount, policyOf(name));
        let memory: Memory = new Map();
        for (const step of actions) {
          if (step.kind === 'resize') {
            memory = resize(residency, memory, step.slotCount);
            naive.resize(step.slotCount);
          } else if (step.kind === 'release') {
            residency.release(FIRST_LAYER + (step.layer % layerCount), step.expert);
            naive.release(FIRST_LAYER + (step.layer % layerCount), step.expert);
          } else {
            const layerIndex = FIRST_LAYER + (step.layer % layerCount);
            if (step.kind === 'touch') {
              residency.touch(layerIndex, step.experts);
              naive.touch(layerIndex, step.experts);
            } else {
              const pins = new Set(step.pins.map((slot) => contentsOf(residency).get(slot)));
              const isPinned = (l: number, e: number) => pins.has(`${l}/${e}`);
              admit(residency, memory, layerIndex, step.experts, { optional: step.kind === 'speculate', isPinned });
              naive.admit(layerIndex, step.experts, isPinned);
            }
          }
          assertConsistent(residency, memory);
          const contents = contentsOf(residency);
          assert(
            naive.held.length === contents.size && naive.held.every((h) => contents.get(h.slot) === `${h.layer}/${h.expert}`),
            'differs from the naive model',
          );
        }
      }),
      SEQUENCES,
    );
  });

  test.each(QUOTA_PAIRS)('%s: an expert goes only from a layer above its share or from the layer that asks', (name) => {
    fc.assert(
      fc.property(fc.array(fc.record({ layer: fc.integer({ min: 0, max: 3 }), experts }), { maxLength: 80 }), (uses) => {
        const layers = slabOf(4);
        // Even a guarded share is as large as what one step needs.
        const slotCount = 4 * 2 * MAX_TOP_K;
        const policy = policyOf(name);
        const residency = new Residency(layers, slotCount, policy);
        const robbed: ExpertKey[] = [];
        for (const use of uses) {
          residency.touch(FIRST_LAYER + use.layer, use.experts);
          const shares = [...layers.keys()].map((i) => policy.shares(layers, slotCount)[i]!);
          const counts = layers.map((l) => [...residency.held()].filter((h) => h.layer === l).length);
          for (const { evicted } of residency.admit(FIRST_LAYER + use.layer, use.experts)) {
            counts[use.layer]!++;
            if (!evicted) continue;
            const from = evicted.layer - FIRST_LAYER;
            if (from !== use.layer && counts[from]! <= shares[from]!) robbed.push(evicted);
            counts[from]!--;
          }
        }
        expect(robbed).toEqual([]);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test.each(['lru', 'forecast', 'lfu', 'lfru'])('%s: a cycle over all layers hits where one list for all would not', (name) => {
    // 4 layers ask in turn for 2 experts each: 8 in 6 slots. The least recently used of all is always the one that is wanted next.
    const hitsOf = (policyName: string) => {
      const residency = new Residency(slabOf(4), 6, policyOf(policyName));
      let hits = 0;
      for (let round = 0; round < 10; round++) {
        for (const l of slabOf(4)) {
          hits += [0, 1].filter((e) => residency.slotOf(l, e) !== undefined).length;
          residency.touch(l, [0, 1]);
          residency.admit(l, [0, 1]);
        }
      }
      return hits;
    };
    expect(hitsOf('lru/none')).toBe(0);
    expect(hitsOf(name)).toBeGreaterThan(20);
  });

  test('more needed at once than there are slots is our bug, and only left out when optional', () => {
    const residency = new Residency([FIRST_LAYER], 2, policyOf('lru'));
    expect(() => residency.admit(FIRST_LAYER, [1, 2, 3])).toThrow(/assertion failed/);
    expect(residency.admit(FIRST_LAYER, [4, 5], { optional: true, isPinned: () => true })).toEqual([]);
  });
});
