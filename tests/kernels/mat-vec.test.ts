import { roundUp } from '../../src/core/units';
import { matVec } from '../../src/kernels/mat-vec';
import { poison, randomFloats, randomRows, testKernel } from '../support/kernel-harness';
import {
  FIRST_CODECS,
  type StackPart,
  columnsOf,
  describeStack,
  productTolerance,
  scaledTolerance,
  stackConstants,
  stackMatrices,
  stackOf,
} from '../support/stacked-matrices';
import { ROUNDOFF, type Tolerance, blockSumDepth, normScaleError } from '../support/tolerance';

interface Shape {
  readonly parts: readonly StackPart[];
  readonly columnCount: number;
  readonly tokenCount?: number;
  readonly outputOffset?: number;
  readonly outputScale?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  // Each codec, alone and with others, with rows that fill no workgroup and columns that fill no block.
  ...FIRST_CODECS.map((codec): Shape => ({ parts: stackOf(codec, 37), columnCount: columnsOf(codec, 160) })),
  ...FIRST_CODECS.map((codec): Shape => ({ parts: stackOf(codec, 5, 33, 7), columnCount: columnsOf(codec, 36) })),
  { parts: stackOf('q8_0', 1), columnCount: 96 },
  // Queries, keys and values of different codecs; borders between them in the middle of a workgroup.
  { parts: stackOf('q4_0', 33, 7, 9), columnCount: 96 },
  { parts: stackOf('bf16', 64, 16, 16), columnCount: 256 },
  { parts: stackOf('f32', 1, 1, 1), columnCount: 32 },
  { parts: stackOf('q8_0', 40, 3), columnCount: 160 },
  // Only the last token of a batch counts.
  { parts: stackOf('q8_0', 33), columnCount: 96, tokenCount: 3 },
  { parts: stackOf('f16', 33), columnCount: 36, tokenCount: 17, constants: { HAS_NORM: 1 } },
  { parts: stackOf('f32', 19), columnCount: 96, outputOffset: 13 },
  // Norm before, residual after, both.
  { parts: stackOf('f16', 33), columnCount: 160, constants: { HAS_NORM: 1 } },
  { parts: stackOf('f16', 20, 10, 10), columnCount: 36, constants: { HAS_NORM: 1 } },
  { parts: stackOf('q4_0', 33), columnCount: 160, constants: { ADD_RESIDUAL: 1 } },
  { parts: stackOf('bf16', 33), columnCount: 96, constants: { ADD_RESIDUAL: 1, HAS_NORM: 1 }, outputOffset: 5 },
  // A bias, at the place of the output, and a scale, of the product and the bias but not of the residual.
  { parts: stackOf('f32', 5), columnCount: 36, outputScale: 0.375 },
  { parts: stackOf('f32', 19, 4, 6), columnCount: 96, outputOffset: 13, constants: { HAS_BIAS: 1 } },
  { parts: stackOf('q8_0', 20, 10, 10), columnCount: 160, outputOffset: 5, outputScale: 3, constants: { HAS_BIAS: 1, ADD_RESIDUAL: 1, HAS_NORM: 1 } },
  // Other divisions of the work.
  { parts: stackOf('q8_0', 70), columnCount: 160, constants: { LANES: 1 } },
  { parts: stackOf('q8_0', 70), columnCount: 1056, constants: { LANES: 32, ROW_STEPS: 8 } },
  { parts: stackOf('q4_0', 70), columnCount: 96, constants: { WG_SIZE: 256, LANES: 16, ROW_STEPS: 1, HAS_NORM: 1 } },
  { parts: stackOf('f32', 9), columnCount: 512, constants: { WG_SIZE: 64, LANES: 64, ROW_STEPS: 2 } },
];

for (const { parts, columnCount, tokenCount = 1, outputOffset = 0, outputScale = 1, constants = {} } of SHAPES) {
  const title = `${describeStack(parts)}, ${columnCount} columns, ${tokenCount} tokens, at ${outputOffset}${outputScale === 1 ? '' : `, times ${outputScale}`}`;
  testKernel(matVec, { ...stackConstants(parts), ...constants }, title, (random) => {
    const stride = roundUp(columnCount, 32);
    const { weights, params } = stackMatrices(random, parts, columnCount);
    const outputLength = outputOffset + params['row_count']! + 3;
    return {
      control: { tokenCount },
      params: { ...params, input_stride: stride, output_offset: outputOffset, norm_eps: 1e-6, output_scale: outputScale },
      buffers: {
        weights,
        input: randomRows(random, tokenCount, columnCount),
        gain: randomFloats(random, stride, 0.5, 2),
        ...(constants['HAS_BIAS'] ? { bias: randomFloats(random, outputLength, -2, 2) } : {}),
        output: {
          data: constants['ADD_RESIDUAL'] ? randomFloats(random, outputLength) : poison(outputLength),
          tolerance: scaledTolerance(toleranceOf(columnCount, constants), outputScale),
        },
      },
    };
  });
}

// More workgroups than one side of a grid may have: the grid becomes two-dimensional, and the kernel joins x and y again.
testKernel(matVec, { ...stackConstants(stackOf('q4_0', 262_200)), WG_SIZE: 8, LANES: 8, ROW_STEPS: 1 }, '65550 workgroups', (random) => {
  const { weights, params } = stackMatrices(random, stackOf('q4_0', 262_200), 32);
  return {
    params: { ...params, input_stride: 32, output_offset: 0, norm_eps: 1e-6 },
    buffers: {
      weights,
      input: randomRows(random, 1, 32),
      gain: randomFloats(random, 32),
      output: { data: poison(262_200), tolerance: productTolerance(32, blockSumDepth(32, 8)) },
    },
  };
});

/**
 * With a norm the inputs have mean square 1 and gains of 1.25 on average, so Σ|w·n(x)| is about n · 0.54 and below n; each is off by the error of the scale and
 * two roundings, and the reference rounds it once.
 */
function toleranceOf(columnCount: number, constants: Readonly<Record<string, number>>): Tolerance {
  const product = productTolerance(columnCount, blockSumDepth(columnCount, constants['LANES'] ?? 8));
  if (!constants['HAS_NORM']) return product;
  const inputError = normScaleError(columnCount, constants['WG_SIZE'] ?? 64) + 3 * ROUNDOFF;
  return { abs: 2 * product.abs + inputError * columnCount, rel: product.rel, nmse: product.nmse + inputError ** 2 };
}
