import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BudgetInput, budgetBytes, judgeBudget, planSlabs, recommendedBytes, slabLayers, tokenCycleBytes } from '../../src/scheduler/budget';
import { expectEngineError } from '../support/expect-engine-error';

const RUNS = { numRuns: 2000 };

const input: fc.Arbitrary<BudgetInput> = fc
  .record({
    layerCount: fc.integer({ min: 1, max: 60 }),
    expertCount: fc.integer({ min: 1, max: 256 }),
    topK: fc.integer({ min: 1, max: 16 }),
    slotBytes: fc.integer({ min: 1, max: 40 }).map((units) => units * 256),
    slabExperts: fc.integer({ min: 16, max: 20_000 }),
  })
  .map(({ layerCount, expertCount, topK, slotBytes, slabExperts }) => ({
    layerCount,
    expertCount,
    expertsPerToken: Math.min(topK, expertCount),
    slotBytes,
    maxSlabBytes: slabExperts * slotBytes,
  }));
const share = fc.double({ min: 0, max: 1.2, noNaN: true });
const totalOf = ({ layerCount, expertCount, slotBytes }: BudgetInput) => layerCount * expertCount * slotBytes;
const slotsOf = (shape: BudgetInput, gpuBytes: number) => planSlabs(shape, gpuBytes).reduce((sum, { slotCount }) => sum + slotCount, 0);

describe('planSlabs', () => {
  test('gives every layer to one slab, in order', () => {
    fc.assert(
      fc.property(input, (shape) => {
        expect(slabLayers(shape).flat()).toEqual(Array.from({ length: shape.layerCount }, (_, layer) => layer));
        expect(slabLayers(shape).every((layers) => layers.length > 0)).toBe(true);
      }),
      RUNS,
    );
  });

  test('stays in the budget, except for what one step of one layer needs', () => {
    fc.assert(
      fc.property(input, share, (shape, part) => {
        const gpuBytes = totalOf(shape) * part;
        for (const { layers, slotCount } of planSlabs(shape, gpuBytes)) {
          expect(slotCount).toBeGreaterThanOrEqual(shape.expertsPerToken);
          expect(slotCount).toBeLessThanOrEqual(layers.length * shape.expertCount);
          expect(slotCount * shape.slotBytes).toBeLessThanOrEqual(shape.maxSlabBytes);
          const fairBytes = (gpuBytes * layers.length) / shape.layerCount;
          expect(slotCount * shape.slotBytes).toBeLessThanOrEqual(Math.max(fairBytes, shape.expertsPerToken * shape.slotBytes));
        }
      }),
      RUNS,
    );
  });

  test('holds everything at the whole size, where a layer fits into a binding', () => {
    fc.assert(
      fc.property(input, (shape) => {
        fc.pre(shape.expertCount * shape.slotBytes <= shape.maxSlabBytes);
        expect(slotsOf(shape, totalOf(shape))).toBe(shape.layerCount * shape.expertCount);
      }),
      RUNS,
    );
  });

  test('never gives less for more', () => {
    fc.assert(
      fc.property(input, share, share, (shape, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        expect(slotsOf(shape, totalOf(shape) * low)).toBeLessThanOrEqual(slotsOf(shape, totalOf(shape) * high));
      }),
      RUNS,
    );
  });

  test('the slabs do not depend on the budget', () => {
    fc.assert(
      fc.property(input, share, (shape, part) => {
        expect(planSlabs(shape, totalOf(shape) * part).map(({ layers }) => layers)).toEqual(slabLayers(shape));
      }),
      RUNS,
    );
  });

  test('refuses an adapter that cannot bind one step of one layer', async () => {
    const shape = { layerCount: 2, expertCount: 8, expertsPerToken: 4, slotBytes: 1024, maxSlabBytes: 3 * 1024 };
    await expectEngineError(() => planSlabs(shape, 1_000_000), 'out-of-memory', /3072/);
  });
});

describe('budgetBytes', () => {
  test.each([
    [0, 0],
    [1000, 1000],
    ['0%', 0],
    ['100%', 12_345],
    ['25%', 3086],
    ['0.5%', 61],
    [' 50% ', 6172],
  ] as const)('%j of 12345 bytes is %i', (budget, bytes) => {
    expect(budgetBytes(budget as `${number}%`, 12_345)).toBe(bytes);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '101%', '-1%', '50', '%', '1e1%', 'half'])('%j is refused', async (budget) => {
    await expectEngineError(() => budgetBytes(budget as `${number}%`, 12_345), 'invalid-argument', /budget/);
  });
});

describe('judgeBudget', () => {
  const demo = { layerCount: 6, expertCount: 32, expertsPerToken: 4, slotBytes: 1000 };

  test.each([
    [0, 'below-cycle'],
    [23_999, 'below-cycle'],
    [24_000, 'near-cycle'],
    [47_999, 'near-cycle'],
    [48_000, 'ok'],
  ])('%i bytes of 192,000 with a cycle of 24,000: %s', (bytes, verdict) => {
    expect(judgeBudget(demo, bytes)).toEqual({ verdict, recommendedBytes: 48_000 });
  });

  test('recommends what is judged ok, at least two cycles and a quarter, at most everything', () => {
    fc.assert(
      fc.property(input, (shape) => {
        const bytes = recommendedBytes(shape);
        expect(judgeBudget(shape, bytes).verdict).toBe('ok');
        expect(bytes).toBeLessThanOrEqual(totalOf(shape));
        expect(bytes).toBeGreaterThanOrEqual(Math.min(totalOf(shape), 2 * tokenCycleBytes(shape)));
        expect(bytes).toBeGreaterThanOrEqual(totalOf(shape) / 4);
      }),
      RUNS,
    );
  });
});
