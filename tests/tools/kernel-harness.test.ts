// The harness itself: a kernel that is wrong in one way must not pass. Wrong kernels are made by spoiling the reference and giving it as the other backend.

import { ControlWord } from '../../src/core/control';
import { expect, test } from 'vitest';
import { Random } from '../../src/core/random';
import { KERNELS } from '../../src/kernels';
import { norm } from '../../src/kernels/norm';
import { route } from '../../src/kernels/route';
import { sample } from '../../src/kernels/sample';
import { REFERENCES } from '../../src/reference';
import type { Reference, ReferenceCall } from '../../src/reference/call';
import { CpuBackend } from '../../src/reference/cpu-backend';
import { type KernelCase, checkKernel, poison, poisonWords, randomFloats, randomRows } from '../support/kernel-harness';
import { EXACT, relativeTolerance } from '../support/tolerance';

const COLUMNS = 36;
const STRIDE = 64;

function normCase(): KernelCase {
  const random = new Random(1);
  return {
    control: { tokenCount: 3 },
    params: { column_count: COLUMNS, stride: STRIDE, norm_eps: 1e-6 },
    buffers: {
      input: randomRows(random, 3, COLUMNS),
      gain: randomFloats(random, STRIDE, 0.5, 2),
      output: { data: poison(3 * STRIDE + 10), tolerance: relativeTolerance(1e-6), shape: [4, STRIDE] },
    },
  };
}

/** The norm as it should be, then `spoil`. */
function spoiled(spoil: (call: ReferenceCall) => void): CpuBackend {
  const reference: Reference = (call) => {
    REFERENCES['norm']!(call);
    spoil(call);
  };
  return new CpuBackend(KERNELS, { ...REFERENCES, norm: reference });
}

const floatsAround = (call: ReferenceCall, binding: string) => new Float32Array(call.f32(binding).buffer);
const placeOf = (call: ReferenceCall, binding: string) => call.f32(binding).byteOffset / 4;

test('the right kernel passes, and its results come back', async () => {
  const { gpu, cpu } = await checkKernel(
    spoiled(() => {}),
    norm,
    {},
    normCase(),
    'right',
  );
  expect(gpu.f32('output')).toEqual(cpu.f32('output'));
});

const WRONGS: ReadonlyArray<readonly [what: string, spoil: (call: ReferenceCall) => void, message: RegExp]> = [
  ['one element is off', ({ f32 }) => (f32('output')[70]! *= 1.00001), /output\[1, 6\]: gpu .* off by/],
  ['many are off by a little', ({ f32 }) => f32('output').forEach((x, i, all) => (all[i] = x * (1 + 1e-6 * 0.99))), /^output: (NMSE|\d+ of)/m],
  ['an element is not written', ({ f32 }) => (f32('output')[3] = poison(1)[0]!), /output\[0, 3\]: gpu NaN/],
  ['an element too many is written', ({ f32 }) => (f32('output')[3 * STRIDE] = 0), /output\[3, 0\]: .*must stay as it was/],
  ['the guard before the output is written', (call) => (floatsAround(call, 'output')[placeOf(call, 'output') - 1] = 0), /a guard was overwritten/],
  ['the guard after the output is written', (call) => (floatsAround(call, 'output')[placeOf(call, 'output') + 3 * STRIDE + 10] = 0), /a guard was overwritten/],
  ['an input is written', ({ f32 }) => (f32('gain')[1] = 0), /an input was written/],
  ['the guard of an input is written', (call) => (floatsAround(call, 'gain')[placeOf(call, 'gain') - 1] = 0), /an input was written/],
  ['control is written', ({ control }) => (control[7] = 1), /control was written/],
];

test.each(WRONGS)('it fails when %s', async (_, spoil, message) => {
  await expect(checkKernel(spoiled(spoil), norm, {}, normCase(), 'label, seed 1')).rejects.toThrow(message);
});

test('the message names the label, and ten places at most', async () => {
  const zeros = spoiled(({ f32 }) => f32('output').fill(0));
  const error = await checkKernel(zeros, norm, {}, normCase(), 'label, seed 1').catch((thrown: unknown) => thrown);
  const lines = (error as Error).message.split('\n');
  expect(lines[0]).toBe('label, seed 1');
  expect(lines.filter((line) => line.startsWith('  output[')).length).toBe(10);
});

test('it fails when a kernel runs under a halt', async () => {
  const backend = new CpuBackend(KERNELS, REFERENCES);
  const write = backend.write.bind(backend);
  // A backend that loses the halt flag on its way to the device.
  backend.write = (buffer, offset, data) => write(buffer, offset, buffer.label === 'control' ? withoutHalt(data as Uint32Array) : data);
  await expect(checkKernel(backend, norm, {}, normCase(), 'label')).rejects.toThrow(/under a halt/);
});

test('what is left in scratch is not compared, but the guards around it are', async () => {
  const sampleCase: KernelCase = {
    params: { vocabulary_size: 4 },
    buffers: {
      sampling: new Uint32Array(24),
      logits: Float32Array.of(1, 3, 2, 0),
      seen: { data: new Uint32Array(4), tolerance: EXACT },
      tokens: { data: new Uint32Array(1), tolerance: EXACT },
      record: { data: new Uint32Array(8), tolerance: EXACT },
      candidates: { data: poisonWords(8), isScratch: true },
    },
  };
  const writing = (word: number): CpuBackend => {
    const reference: Reference = (call) => {
      REFERENCES['sample']!(call);
      floatsAround(call, 'candidates')[placeOf(call, 'candidates') + word] = 0;
    };
    return new CpuBackend(KERNELS, { ...REFERENCES, sample: reference });
  };
  await checkKernel(writing(7), sample, {}, sampleCase, 'within');
  await expect(checkKernel(writing(8), sample, {}, sampleCase, 'behind')).rejects.toThrow(/a guard was overwritten/);
});

test('it fails when control differs, for kernels that write it', async () => {
  const random = new Random(2);
  const haltingCase: KernelCase = {
    params: { column_count: 32, stride: 32, expert_count: 4, layer: 2, slot_table_offset: 0, routes_offset: 8, norm_eps: 1e-6, weight_scale: 1 },
    buffers: {
      input: randomRows(random, 1, 32),
      gain: randomFloats(random, 32),
      router: randomRows(random, 4, 32),
      slot_table: new Uint32Array(4).fill(0xffffffff),
      normed: { data: poison(3 * 32), tolerance: relativeTolerance(1e-6) },
      routes: { data: new Uint32Array(20), tolerance: relativeTolerance(1e-6) },
    },
  };
  const wrongLayer: Reference = (call) => {
    REFERENCES['route']!(call);
    call.control[ControlWord.layer] = 3;
  };
  const backend = new CpuBackend(KERNELS, { ...REFERENCES, route: wrongLayer });
  await expect(checkKernel(backend, route, { TOP_K: 2, HALTS: 1 }, haltingCase, 'label')).rejects.toThrow(/control\[5\]: gpu 3, cpu 2/);
});

function withoutHalt(words: Uint32Array): Uint32Array {
  const copy = words.slice();
  copy[0] = 0;
  return copy;
}
