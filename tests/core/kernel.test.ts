import { describe, expect, test } from 'vitest';
import type { OperationCall } from '../../src/core/backend';
import { CONTROL_BYTES, CONTROL_WORDS, ControlWord } from '../../src/core/control';
import { type Kernel, MAX_GRID_SIDE, encodeParams, linearGrid, resolveCall, variantName } from '../../src/core/kernel';

const kernel: Kernel = {
  name: 'example',
  libraries: [],
  params: [
    ['count', 'u32'],
    ['scale', 'f32'],
  ],
  bindings: [{ name: 'output', access: 'read_write' }],
  constants: { WG_SIZE: 64, LANES: 8 },
  grid: () => [1, 1, 1],
};
const buffer = { label: 'b', sizeBytes: 4, destroy: () => {} };
const call: OperationCall = { operation: 'example', params: { count: 1, scale: 1 }, buffers: { output: buffer } };

test('a variant is named by all of its constants, in the order of the contract', () => {
  expect(variantName(kernel, {})).toBe('example(WG_SIZE=64,LANES=8)');
  expect(variantName(kernel, { LANES: 2 })).toBe('example(WG_SIZE=64,LANES=2)');
  expect(variantName({ ...kernel, constants: {} }, {})).toBe('example');
});

test('params become little-endian words of their types, padded to 16 bytes', () => {
  const bytes = encodeParams(kernel, { scale: 1.5, count: 0xfffffffe });
  expect([...bytes]).toEqual([0xfe, 0xff, 0xff, 0xff, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0]);
});

describe('a call that does not agree with its kernel', () => {
  test('is filled with the defaults where it says nothing', () => {
    expect(resolveCall(kernel, { ...call, constants: { LANES: 4 } }).constants).toEqual({ WG_SIZE: 64, LANES: 4 });
  });
  test.each([
    ['an unknown constant', { ...call, constants: { LINES: 4 } }],
    ['a missing param', { ...call, params: { count: 1 } }],
    ['a param too many', { ...call, params: { ...call.params, other: 1 } }],
    ['a missing binding', { ...call, buffers: {} }],
    ['a binding too many', { ...call, buffers: { ...call.buffers, other: buffer } }],
  ])('%s is refused', (_, wrong) => {
    expect(() => resolveCall(kernel, wrong)).toThrow('assertion failed');
  });
});

test.each([0, 1, MAX_GRID_SIDE, MAX_GRID_SIDE + 1, 200_000, 1_000_000])('a grid of %i workgroups fits WebGPU and covers them', (count) => {
  const [x, y, z] = linearGrid(count);
  expect(Math.max(x, y)).toBeLessThanOrEqual(MAX_GRID_SIDE);
  expect(z).toBe(1);
  expect(x * y).toBeGreaterThanOrEqual(count);
  expect(x * y - count).toBeLessThan(Math.max(y, 1));
});

test('the control block is eight words and its fields are apart', () => {
  expect(CONTROL_BYTES).toBe(CONTROL_WORDS * 4);
  const words = Object.values(ControlWord);
  expect(new Set(words).size).toBe(words.length);
  expect(Math.max(...words)).toBeLessThan(CONTROL_WORDS);
});
