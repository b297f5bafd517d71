import { expect } from 'vitest';
import { roundUp } from '../../src/core/units';
import { matMul } from '../../src/kernels/mat-mul';
import { isTried } from '../support/codecs-tried';
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
import { quadSumDepth } from '../support/tolerance';

interface Shape {
  readonly parts: readonly StackPart[];
  readonly columnCount: number;
  readonly tokenCount: number;
  /** Floats between tokens in the output; default: the rows, rounded up to 32. */
  readonly outputStride?: number;
  readonly outputScale?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  // Each codec. 33 tokens are two tiles and one token, 37 rows one tile and five rows.
  ...FIRST_CODECS.map((codec): Shape => ({ parts: stackOf(codec, 37), columnCount: columnsOf(codec, 96), tokenCount: 33 })),
  ...FIRST_CODECS.map((codec): Shape => ({ parts: stackOf(codec, 31, 4, 40), columnCount: columnsOf(codec, 36), tokenCount: 3 })),
  { parts: stackOf('q8_0', 32), columnCount: 160, tokenCount: 16 },
  { parts: stackOf('f32', 1), columnCount: 32, tokenCount: 1 },
  { parts: stackOf('q4_0', 65), columnCount: 256, tokenCount: 17, outputStride: 67 },
  // Queries, keys and values of different codecs; borders between them in the middle of a tile.
  { parts: stackOf('q4_0', 33, 7, 9), columnCount: 96, tokenCount: 17 },
  { parts: stackOf('bf16', 20, 10, 40), columnCount: 36, tokenCount: 9 },
  { parts: stackOf('f16', 5, 30), columnCount: 160, tokenCount: 2 },
  { parts: stackOf('q8_0', 37), columnCount: 160, tokenCount: 17, constants: { ADD_RESIDUAL: 1 } },
  { parts: stackOf('q4_0', 20, 20), columnCount: 96, tokenCount: 3, constants: { ADD_RESIDUAL: 1 } },
  // A bias of every row, and a scale, of the product and the bias but not of the residual.
  { parts: stackOf('f32', 37), columnCount: 36, tokenCount: 3, outputScale: 0.375 },
  { parts: stackOf('f32', 31, 4, 40), columnCount: 36, tokenCount: 17, outputScale: 3, constants: { HAS_BIAS: 1, ADD_RESIDUAL: 1 } },
];

for (const { parts, columnCount, tokenCount, outputStride, outputScale = 1, constants = {} } of SHAPES.filter((shape) => isTried(shape.parts[0]![0]))) {
  const title = `${describeStack(parts)}, ${columnCount} columns, ${tokenCount} tokens${outputScale === 1 ? '' : `, times ${outputScale}`}`;
  testKernel(matMul, { ...stackConstants(parts), ...constants }, title, (random) => {
    const { weights, params } = stackMatrices(random, parts, columnCount);
    const stride = outputStride ?? roundUp(params['row_count']!, 32);
    const length = tokenCount * stride;
    return {
      control: { tokenCount },
      params: { ...params, input_stride: roundUp(columnCount, 32), output_stride: stride, output_scale: outputScale },
      buffers: {
        weights,
        input: randomRows(random, tokenCount, columnCount),
        ...(constants['HAS_BIAS'] ? { bias: randomFloats(random, params['row_count']!, -2, 2) } : {}),
        output: {
          data: constants['ADD_RESIDUAL'] ? randomFloats(random, length) : poison(length),
          tolerance: scaledTolerance(productTolerance(columnCount, quadSumDepth(columnCount)), outputScale),
          shape: [tokenCount, stride],
        },
      },
    };
  });
}

// A token's result must be the same bits whatever else is in the batch: a prompt cut into other chunks gives the same text.
const soloTitle = (tokenCount: number) => `every token alike gives alike rows, ${tokenCount} tokens`;
for (const tokenCount of [2, 35]) {
  testKernel(
    matMul,
    stackConstants(stackOf('q8_0', 9)),
    soloTitle(tokenCount),
    (random) => {
      const { weights, params } = stackMatrices(random, stackOf('q8_0', 9), 160);
      const row = randomRows(random, 1, 160);
      const input = new Float32Array(tokenCount * 160);
      for (let t = 0; t < tokenCount; t++) input.set(row, t * 160);
      return {
        control: { tokenCount },
        params: { ...params, input_stride: 160, output_stride: 9 },
        buffers: { weights, input, output: { data: poison(tokenCount * 9), tolerance: productTolerance(160, quadSumDepth(160)), shape: [tokenCount, 9] } },
      };
    },
    ({ gpu }) => {
      const words = gpu.u32('output');
      for (let t = 1; t < tokenCount; t++) expect(words.slice(t * 9, t * 9 + 9)).toEqual(words.slice(0, 9));
    },
  );
}
