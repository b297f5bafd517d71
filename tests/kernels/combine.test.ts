import { combine } from '../../src/kernels/combine';
import { randomFloats, testKernel } from '../support/kernel-harness';
import { encodeRoutes, paddedLength, randomRoutes } from '../support/test-routes';
import { ROUNDOFF, sumTolerance } from '../support/tolerance';

interface Shape {
  readonly tokenCount: number;
  readonly topK: number;
  readonly rowCount: number;
  readonly routesOffset?: number;
  readonly outputScale?: number;
}

const SHAPES: readonly Shape[] = [
  { tokenCount: 1, topK: 1, rowCount: 36 },
  { tokenCount: 3, topK: 4, rowCount: 96 },
  { tokenCount: 17, topK: 8, rowCount: 160, routesOffset: 19 },
  { tokenCount: 33, topK: 16, rowCount: 40, routesOffset: 8 },
  { tokenCount: 2, topK: 4, rowCount: 96, outputScale: 0.375 },
];

for (const { tokenCount, topK, rowCount, routesOffset = 0, outputScale = 1 } of SHAPES) {
  testKernel(
    combine,
    { TOP_K: topK },
    `${tokenCount} tokens of ${rowCount} columns, routes at ${routesOffset}${outputScale === 1 ? '' : `, times ${outputScale}`}`,
    (random) => {
      const stride = paddedLength(rowCount);
      const routes = randomRoutes(random, tokenCount, topK, new Uint32Array(32));
      // k weighted results, each product rounded, summed in order, scaled by no more than 1 and added: Σ|w·y| is below k.
      const sum = sumTolerance(topK + 3, topK);
      return {
        control: { tokenCount },
        params: { row_count: rowCount, routes_offset: routesOffset, input_stride: stride, output_stride: stride, output_scale: outputScale },
        buffers: {
          input: randomFloats(random, tokenCount * topK * stride),
          routes: encodeRoutes(routes, routesOffset),
          output: { data: randomFloats(random, tokenCount * stride), tolerance: { ...sum, rel: 2 * ROUNDOFF }, shape: [tokenCount, stride] },
        },
      };
    },
  );
}
