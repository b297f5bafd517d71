import { CODEC_IDS, CODEC_NAMES, type CodecName, columnMultiple } from '../../src/core/packed-weights';
import { roundUp } from '../../src/core/units';
import { expertDown } from '../../src/kernels/expert-down';
import { randomFloats, randomRows, testKernel } from '../support/kernel-harness';
import { packRandomSlab } from '../support/pack-matrix';
import { encodeRoutes, randomRoutes, shuffledSlots, withoutSlots } from '../support/test-routes';
import { ROUNDOFF, blockSumDepth, sumTolerance } from '../support/tolerance';

interface Shape {
  readonly codec: CodecName;
  readonly columnCount: number;
  readonly rowCount: number;
  readonly expertCount: number;
  readonly topK: number;
  readonly routesOffset?: number;
  /** These of the k experts have no slot, as in a scout. */
  readonly missing?: readonly number[];
  readonly outputScale?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Codecs that no other shape has. */
const OTHERS = CODEC_NAMES.filter((codec) => !['f32', 'f16', 'bf16', 'q8_0', 'q4_0'].includes(codec));

const SHAPES: readonly Shape[] = [
  { codec: 'q8_0', columnCount: 96, rowCount: 37, expertCount: 7, topK: 4, routesOffset: 8 },
  { codec: 'q4_0', columnCount: 160, rowCount: 96, expertCount: 32, topK: 8 },
  { codec: 'f32', columnCount: 36, rowCount: 5, expertCount: 1, topK: 1 },
  // A bias of every expert, weighted as its product is, and a scale of the whole.
  { codec: 'f32', columnCount: 36, rowCount: 37, expertCount: 5, topK: 2, outputScale: 0.375, constants: { HAS_BIAS: 1 } },
  { codec: 'f32', columnCount: 36, rowCount: 5, expertCount: 3, topK: 1, outputScale: 0.375 },
  { codec: 'f32', columnCount: 36, rowCount: 37, expertCount: 5, topK: 3, missing: [0, 2], constants: { HAS_BIAS: 1 } },
  { codec: 'q8_0', columnCount: 96, rowCount: 5, expertCount: 5, topK: 2, missing: [0] },
  { codec: 'f16', columnCount: 36, rowCount: 33, expertCount: 20, topK: 16, routesOffset: 56 },
  ...OTHERS.map((codec): Shape => ({ codec, columnCount: roundUp(96, columnMultiple(codec)), rowCount: 33, expertCount: 3, topK: 2 })),
  { codec: 'bf16', columnCount: 256, rowCount: 70, expertCount: 4, topK: 4, constants: { WG_SIZE: 256, LANES: 16, ROW_STEPS: 1 } },
];

for (const { codec, columnCount, rowCount, expertCount, topK, routesOffset = 0, missing = [], outputScale = 1, constants = {} } of SHAPES) {
  const title = `${topK} of ${expertCount} experts, ${columnCount} → ${rowCount}, routes at ${routesOffset}${missing.length > 0 ? `, ${missing.length} missing` : ''}${outputScale === 1 ? '' : `, times ${outputScale}`}`;
  testKernel(expertDown, { TOP_K: topK, CODEC: CODEC_IDS[codec], ...constants }, title, (random) => {
    const slab = packRandomSlab(random, expertCount + 2, [
      { codec, rowCount, columnCount },
      { codec: 'f32', rowCount: 1, columnCount: rowCount },
    ]);
    const slotTable = shuffledSlots(random, expertCount, expertCount + 2, 0);
    const input = randomRows(random, topK, columnCount);
    // k dots, each with a bias, weighted (one rounding) and added (k roundings), scaled by no more than 1, then the residual: weights are below 1, so Σ|w·D·a| is
    // below k · n/2, the bias included.
    const sum = sumTolerance(blockSumDepth(columnCount, constants['LANES'] ?? 4) + 4 + topK, (topK * columnCount) / 2);
    return {
      params: {
        column_count: columnCount,
        row_count: rowCount,
        slot_words: slab.slotWords,
        down_base: slab.bases[0]!,
        routes_offset: routesOffset,
        input_stride: input.length / topK,
        down_bias: slab.bases[1]!,
        output_scale: outputScale,
      },
      buffers: {
        weights: slab.data,
        input,
        routes: encodeRoutes(withoutSlots(randomRoutes(random, 1, topK, slotTable), missing), routesOffset),
        output: { data: randomFloats(random, rowCount + 7), tolerance: { ...sum, rel: 2 * ROUNDOFF } },
      },
    };
  });
}
