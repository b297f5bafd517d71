import { expect } from 'vitest';
import { group } from '../../src/kernels/group';
import { poisonWords, testKernel } from '../support/kernel-harness';
import { encodeRoutes, groupRoutes, randomRoutes } from '../support/test-routes';
import { EXACT } from '../support/tolerance';

interface Shape {
  readonly tokenCount: number;
  readonly topK: number;
  readonly expertCount: number;
  readonly routesOffset?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  { tokenCount: 1, topK: 1, expertCount: 1 },
  { tokenCount: 3, topK: 4, expertCount: 7, routesOffset: 8 },
  { tokenCount: 17, topK: 8, expertCount: 32 },
  { tokenCount: 33, topK: 4, expertCount: 64, routesOffset: 5 },
  { tokenCount: 33, topK: 16, expertCount: 512 },
  { tokenCount: 17, topK: 8, expertCount: 65, constants: { WG_SIZE: 256 } },
];

for (const { tokenCount, topK, expertCount, routesOffset = 0, constants = {} } of SHAPES) {
  let expected = new Uint32Array();
  testKernel(
    group,
    { TOP_K: topK, ...constants },
    `${tokenCount} tokens, ${expertCount} experts, routes at ${routesOffset}`,
    (random) => {
      const routes = randomRoutes(random, tokenCount, topK, new Uint32Array(expertCount));
      expected = groupRoutes(routes, expertCount);
      return {
        control: { tokenCount },
        params: { expert_count: expertCount, routes_offset: routesOffset },
        buffers: { routes: encodeRoutes(routes, routesOffset), groups: { data: poisonWords(2 * expertCount + tokenCount * topK + 9), tolerance: EXACT } },
      };
    },
    // The other tests group with groupRoutes, so kernel and reference must agree with that too.
    ({ gpu }) => expect(gpu.u32('groups').slice(0, expected.length)).toEqual(expected),
  );
}

// A batch may be shorter than the routes: only its own pairs count.
testKernel(group, { TOP_K: 2 }, 'routes of tokens beyond the batch are left out', (random) => ({
  control: { tokenCount: 2 },
  params: { expert_count: 7, routes_offset: 0 },
  buffers: { routes: encodeRoutes(randomRoutes(random, 5, 2, new Uint32Array(7)), 0), groups: { data: poisonWords(14 + 10), tolerance: EXACT } },
}));
