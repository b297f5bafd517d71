import { CODEC_IDS, type CodecName } from '../../src/core/packed-weights';
import { expertGateUp } from '../../src/kernels/expert-gate-up';
import { poison, randomRows, testKernel } from '../support/kernel-harness';
import { packRandomSlab } from '../support/pack-matrix';
import { encodeRoutes, paddedLength, randomRoutes, shuffledSlots, withoutSlots } from '../support/test-routes';
import { blockSumDepth, gatedTolerance } from '../support/tolerance';

interface Shape {
  readonly gate: CodecName;
  readonly up: CodecName;
  readonly columnCount: number;
  readonly rowCount: number;
  readonly expertCount: number;
  readonly topK: number;
  readonly routesOffset?: number;
  /** These of the k experts have no slot, as in a scout. */
  readonly missing?: readonly number[];
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  { gate: 'q8_0', up: 'q8_0', columnCount: 96, rowCount: 37, expertCount: 7, topK: 4, routesOffset: 8 },
  { gate: 'q4_0', up: 'q4_0', columnCount: 160, rowCount: 64, expertCount: 32, topK: 8 },
  // Gate and up of different codecs.
  { gate: 'q8_0', up: 'q4_0', columnCount: 256, rowCount: 33, expertCount: 7, topK: 4, routesOffset: 20 },
  { gate: 'f16', up: 'bf16', columnCount: 36, rowCount: 17, expertCount: 20, topK: 16 },
  { gate: 'bf16', up: 'f32', columnCount: 36, rowCount: 3, expertCount: 1, topK: 1 },
  { gate: 'q4_1', up: 'q5_0', columnCount: 160, rowCount: 9, expertCount: 3, topK: 2 },
  { gate: 'q5_1', up: 'iq4_nl', columnCount: 96, rowCount: 9, expertCount: 3, topK: 2 },
  { gate: 'mxfp4', up: 'mxfp4', columnCount: 160, rowCount: 33, expertCount: 4, topK: 4 },
  { gate: 'q4_k', up: 'q6_k', columnCount: 256, rowCount: 33, expertCount: 4, topK: 2 },
  { gate: 'q2_k', up: 'q3_k', columnCount: 768, rowCount: 9, expertCount: 3, topK: 2 },
  { gate: 'q5_k', up: 'iq4_xs', columnCount: 512, rowCount: 5, expertCount: 3, topK: 2 },
  { gate: 'tq1_0', up: 'tq2_0', columnCount: 512, rowCount: 7, expertCount: 3, topK: 2 },
  // The other activations; the sums of 512 products go beyond the limits of 7 on either side.
  { gate: 'f32', up: 'f32', columnCount: 36, rowCount: 17, expertCount: 3, topK: 2, constants: { ACTIVATION: 1 } },
  { gate: 'mxfp4', up: 'mxfp4', columnCount: 512, rowCount: 33, expertCount: 4, topK: 4, constants: { ACTIVATION: 2, HAS_BIAS: 1 } },
  { gate: 'mxfp4', up: 'mxfp4', columnCount: 64, rowCount: 33, expertCount: 4, topK: 3, missing: [0, 2], constants: { ACTIVATION: 2, HAS_BIAS: 1 } },
  // Other divisions of the work.
  { gate: 'q4_0', up: 'f16', columnCount: 1056, rowCount: 19, expertCount: 3, topK: 2, constants: { WG_SIZE: 256, LANES: 32, ROW_STEPS: 2 } },
];

for (const { gate, up, columnCount, rowCount, expertCount, topK, routesOffset = 0, missing = [], constants = {} } of SHAPES) {
  const title = `${topK} of ${expertCount} experts, ${columnCount} → ${rowCount}, routes at ${routesOffset}${missing.length > 0 ? `, ${missing.length} missing` : ''}`;
  testKernel(expertGateUp, { TOP_K: topK, GATE_CODEC: CODEC_IDS[gate], UP_CODEC: CODEC_IDS[up], ...constants }, title, (random) => {
    const slab = packRandomSlab(random, expertCount + 2, [
      { codec: gate, rowCount, columnCount },
      { codec: up, rowCount, columnCount },
      { codec: 'f32', rowCount: 1, columnCount: rowCount },
      { codec: 'f32', rowCount: 1, columnCount: rowCount },
    ]);
    const slotTable = shuffledSlots(random, expertCount, expertCount + 2, 0);
    const stride = paddedLength(rowCount);
    return {
      params: {
        column_count: columnCount,
        row_count: rowCount,
        slot_words: slab.slotWords,
        gate_base: slab.bases[0]!,
        up_base: slab.bases[1]!,
        gate_bias: slab.bases[2]!,
        up_bias: slab.bases[3]!,
        routes_offset: routesOffset,
        output_stride: stride,
      },
      buffers: {
        weights: slab.data,
        input: randomRows(random, 1, columnCount),
        routes: encodeRoutes(withoutSlots(randomRoutes(random, 1, topK, slotTable), missing), routesOffset),
        output: {
          data: poison(topK * stride),
          tolerance: gatedTolerance(columnCount, blockSumDepth(columnCount, constants['LANES'] ?? 8)),
          shape: [topK, stride],
        },
      },
    };
  });
}
