import { norm } from '../../src/kernels/norm';
import { roundUp } from '../../src/core/units';
import { poison, randomFloats, randomRows, testKernel } from '../support/kernel-harness';
import { EXACT, ROUNDOFF, normScaleError, relativeTolerance } from '../support/tolerance';

interface Shape {
  readonly tokenCount: number;
  readonly columnCount: number;
  readonly stride?: number;
  readonly constants?: Readonly<Record<string, number>>;
  readonly epsilon?: number;
  readonly size?: number;
}

const SHAPES: readonly Shape[] = [
  { tokenCount: 1, columnCount: 32 },
  { tokenCount: 3, columnCount: 96 },
  { tokenCount: 17, columnCount: 160 },
  { tokenCount: 33, columnCount: 36 },
  { tokenCount: 2, columnCount: 256, constants: { WG_SIZE: 256 } },
  { tokenCount: 1, columnCount: 2880, constants: { WG_SIZE: 128 } },
  // More columns than the invocations take at once, and a stride with a block to spare.
  { tokenCount: 3, columnCount: 300, stride: 352, constants: { WG_SIZE: 32 } },
  // Inputs so small that epsilon decides, and so large that their squares are near 1e13.
  { tokenCount: 3, columnCount: 160, size: 1e-4, epsilon: 1e-5 },
  { tokenCount: 3, columnCount: 160, size: 3e5, epsilon: 1e-6 },
];

for (const { tokenCount, columnCount, stride = roundUp(columnCount, 32), constants = {}, epsilon = 1e-6, size = 1 } of SHAPES) {
  testKernel(norm, constants, `${tokenCount} tokens of ${columnCount} columns, stride ${stride}, inputs to ${size}`, (random) => ({
    control: { tokenCount },
    params: { column_count: columnCount, stride, norm_eps: epsilon },
    buffers: {
      input: randomRows(random, tokenCount, columnCount, stride, size),
      gain: Float32Array.from({ length: stride }, (_, c) => (c < columnCount ? random.float(0.5, 2) : 0)),
      // The scale, then two products; the reference rounds once.
      output: {
        data: poison(tokenCount * stride),
        tolerance: relativeTolerance(normScaleError(columnCount, constants['WG_SIZE'] ?? 64) + 3 * ROUNDOFF),
        shape: [tokenCount, stride],
      },
    },
  }));
}

// With a bias: before it a result is below 4 (gains to 2; the largest column is about √3 times the root mean square), and the sum is rounded once more.
testKernel(norm, { HAS_BIAS: 1 }, '3 tokens of 96 columns and a bias', (random) => ({
  control: { tokenCount: 3 },
  params: { column_count: 96, stride: 128, norm_eps: 1e-6 },
  buffers: {
    input: randomRows(random, 3, 96, 128),
    // [2, column]: gains, then the bias, each padded with zeros.
    gain: randomRows(random, 2, 96, 128, 2),
    output: {
      data: poison(3 * 128),
      tolerance: {
        abs: (normScaleError(96, 64) + 3 * ROUNDOFF) * 4,
        rel: 2 * ROUNDOFF,
        nmse: (normScaleError(96, 64) + 5 * ROUNDOFF) ** 2,
      },
      shape: [3, 128],
    },
  },
}));

// A copy, to the bit, that needs no gain.
testKernel(norm, { IS_COPY: 1 }, 'a copy of 3 tokens of 300 columns', (random) => ({
  control: { tokenCount: 3 },
  params: { column_count: 300, stride: 320, norm_eps: 1e-6 },
  buffers: { input: randomRows(random, 3, 300, 320, 1e6), output: { data: poison(3 * 320), tolerance: EXACT, shape: [3, 320] } },
}));

// Columns whose gain is zero come out as zero, whatever they hold: the padding of every activation depends on it.
testKernel(norm, {}, 'zero gain gives zeros', (random) => ({
  control: { tokenCount: 2 },
  params: { column_count: 64, stride: 64, norm_eps: 1e-6 },
  buffers: { input: randomFloats(random, 128), gain: new Float32Array(64), output: { data: poison(128), tolerance: relativeTolerance(0) } },
}));
