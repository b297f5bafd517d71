import { expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors';
import { checkFrame, describeCell, ExpertUsage, HALF_LIFE_TOKENS, tierNames } from '../../src/ui/model/expert-usage';
import { frameOf } from '../support/routing-frames';

const two = (routes: number[][][], extra: Partial<Parameters<typeof frameOf>[0]> = {}) => frameOf({ layerCount: 2, expertCount: 4, routes, ...extra });

test('counts uses, misses, shares and the age of the last use', () => {
  const usage = new ExpertUsage(2, 4);
  usage.add(
    two(
      [
        [
          [0, 1],
          [2, 3],
        ],
      ],
      { missed: [1] },
    ),
    10,
  );
  usage.add(
    two([
      [
        [0, 2],
        [2, 1],
      ],
      [
        [0, 3],
        [2, 0],
      ],
    ]),
    20,
  );
  expect(usage.tokenCount).toBe(3);
  expect(usage.cell(0, 0)).toMatchObject({ useCount: 3, missCount: 0, share: 0.5, tokensSinceUse: 0 });
  expect(usage.cell(0, 1)).toMatchObject({ useCount: 1, missCount: 1, share: 1 / 6, tokensSinceUse: 2 });
  expect(usage.cell(1, 3)).toMatchObject({ useCount: 1, tokensSinceUse: 2 });
  const unused = new ExpertUsage(1, 1).cell(0, 0);
  expect(unused).toMatchObject({ useCount: 0, tokensSinceUse: undefined, tier: undefined });
  expect(unused.share).toBeNaN();
});

test('heat halves every half-life, however the tokens are cut into frames', () => {
  const one = new ExpertUsage(1, 2);
  const many = new ExpertUsage(1, 2);
  const route = (experts: number[]) => frameOf({ layerCount: 1, expertCount: 2, routes: experts.map((expert) => [[expert]]) });
  one.add(route([0, ...Array.from({ length: HALF_LIFE_TOKENS }, () => 1)]), 0);
  many.add(route([0]), 0);
  for (let step = 0; step < HALF_LIFE_TOKENS; step++) many.add(route([1]), step);
  expect(one.heat[0]).toBeCloseTo(0.5, 5);
  expect(many.heat[0]).toBeCloseTo(0.5, 5);
  expect(many.heat[1]).toBeCloseTo(one.heat[1] ?? NaN, 4);
});

test('the even heat is what equal use settles at', () => {
  const usage = new ExpertUsage(1, 4);
  for (let token = 0; token < 1000; token++) usage.add(frameOf({ layerCount: 1, expertCount: 4, routes: [[[token % 4, (token + 1) % 4]]] }), token);
  const mean = usage.heat.reduce((sum, heat) => sum + heat, 0) / 4;
  expect(mean / usage.evenHeat).toBeCloseTo(1, 3);
});

test('a frame whose tokens are not counted still says where the experts are', () => {
  const usage = new ExpertUsage(2, 4);
  usage.add(
    two(
      [
        [
          [0, 1],
          [2, 3],
        ],
      ],
      { residency: [0, 1, 2, 3, 3, 2, 1, 0] },
    ),
    0,
    false,
  );
  expect(usage.tokenCount).toBe(0);
  expect([...usage.residency]).toEqual([0, 1, 2, 3, 3, 2, 1, 0]);
  expect(usage.cell(0, 1).tier).toBe('ram');
});

test('an expert outside the layer is not counted', () => {
  const usage = new ExpertUsage(1, 2);
  usage.add(frameOf({ layerCount: 1, expertCount: 2, routes: [[[65535, 1]]] }), 0);
  expect([...usage.useCounts]).toEqual([0, 1]);
});

test('a miss stays a miss for the rest of its frame', () => {
  const usage = new ExpertUsage(1, 2);
  const frame = frameOf({ layerCount: 1, expertCount: 2, routes: [[[0]], [[0]]] });
  frame.tiers[0] = 2;
  usage.add(frame, 5);
  expect(usage.flashIsMiss[0]).toBe(1);
  usage.add(frameOf({ layerCount: 1, expertCount: 2, routes: [[[0]]] }), 6);
  expect(usage.flashIsMiss[0]).toBe(0);
});

test('a layer in numbers', () => {
  const usage = new ExpertUsage(2, 4);
  usage.add(
    two(
      [
        [
          [0, 1],
          [2, 3],
        ],
        [
          [0, 2],
          [2, 1],
        ],
      ],
      { missed: [0], residency: [0, 0, 2, 3, 0, 0, 0, 0] },
    ),
    0,
  );
  const layer = usage.layer(0, 2);
  expect(layer).toMatchObject({ byTier: [2, 0, 1, 1], useCount: 4, missCount: 2 });
  expect(layer.busiest.map((cell) => [cell.expert, cell.useCount])).toEqual([
    [0, 2],
    [1, 1],
  ]);
});

test('reset forgets the counts and keeps the places', () => {
  const usage = new ExpertUsage(2, 4);
  usage.add(
    two(
      [
        [
          [0, 1],
          [2, 3],
        ],
      ],
      { residency: [2, 2, 2, 2, 2, 2, 2, 2] },
    ),
    0,
  );
  usage.reset();
  expect(usage.tokenCount).toBe(0);
  expect(usage.heat.every((heat) => heat === 0)).toBe(true);
  expect(usage.cell(0, 0)).toMatchObject({ useCount: 0, tier: 'disk', tokensSinceUse: undefined });
});

test('a cell in words', () => {
  const usage = new ExpertUsage(2, 4);
  expect(describeCell(usage.cell(1, 2), tierNames('cpu'))).toBe('Layer 1, expert 2. Not used yet.');
  usage.add(
    two(
      [
        [
          [0, 1],
          [2, 3],
        ],
        [
          [0, 1],
          [0, 1],
        ],
      ],
      { missed: [2] },
    ),
    0,
  );
  expect(describeCell(usage.cell(1, 2), tierNames('cpu'))).toBe('Layer 1, expert 2. Slots. Used 1 time, 25.0 % of this layer. Last used 1 token ago. 1 miss.');
});

test('a frame whose arrays are too short is refused', () => {
  const frame = two([
    [
      [0, 1],
      [2, 3],
    ],
  ]);
  expect(() => checkFrame(frame)).not.toThrow();
  for (const broken of [
    { ...frame, expertIds: frame.expertIds.subarray(1) },
    { ...frame, residency: new Uint8Array(7) },
    { ...frame, layerCount: 0 },
    { ...frame, expertCount: 5000 },
  ]) {
    expect(() => checkFrame(broken)).toThrow(EngineError);
  }
});
