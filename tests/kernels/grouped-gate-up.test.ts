import { CODEC_IDS, type CodecName } from '../../src/core/packed-weights';
import { groupedGateUp } from '../../src/kernels/grouped-gate-up';
import { isTried } from '../support/codecs-tried';
import { type GroupedShape, describeGrouped, groupedBuffers } from '../support/grouped-case';
import { poison, randomRows, testKernel } from '../support/kernel-harness';
import { packRandomSlab } from '../support/pack-matrix';
import { paddedLength } from '../support/test-routes';
import { gatedTolerance, quadSumDepth } from '../support/tolerance';

interface Shape extends GroupedShape {
  readonly gate: CodecName;
  readonly up: CodecName;
  readonly slotCount?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  { gate: 'q8_0', up: 'q8_0', columnCount: 96, rowCount: 37, tokenCount: 17, expertCount: 7, topK: 4, tableOffset: 14 },
  { gate: 'q4_0', up: 'q4_0', columnCount: 160, rowCount: 32, tokenCount: 3, expertCount: 64, topK: 8 },
  // One expert for all tokens: two full tiles of pairs and one pair.
  { gate: 'f32', up: 'bf16', columnCount: 36, rowCount: 5, tokenCount: 33, expertCount: 1, topK: 1 },
  { gate: 'q8_0', up: 'q4_0', columnCount: 64, rowCount: 33, tokenCount: 33, expertCount: 4, topK: 4, tableOffset: 4 },
  { gate: 'f16', up: 'bf16', columnCount: 36, rowCount: 17, tokenCount: 3, expertCount: 20, topK: 16 },
  { gate: 'q5_0', up: 'q4_1', columnCount: 160, rowCount: 9, tokenCount: 3, expertCount: 3, topK: 2 },
  { gate: 'iq4_nl', up: 'q5_1', columnCount: 96, rowCount: 9, tokenCount: 3, expertCount: 3, topK: 2 },
  { gate: 'mxfp4', up: 'mxfp4', columnCount: 160, rowCount: 33, tokenCount: 9, expertCount: 4, topK: 4 },
  { gate: 'q4_k', up: 'q6_k', columnCount: 256, rowCount: 33, tokenCount: 17, expertCount: 4, topK: 2 },
  { gate: 'q3_k', up: 'q2_k', columnCount: 768, rowCount: 9, tokenCount: 3, expertCount: 3, topK: 2 },
  { gate: 'iq4_xs', up: 'q5_k', columnCount: 512, rowCount: 5, tokenCount: 3, expertCount: 3, topK: 2 },
  { gate: 'tq2_0', up: 'tq1_0', columnCount: 512, rowCount: 7, tokenCount: 3, expertCount: 3, topK: 2 },
  // The other activations; the sums of 512 products go beyond the limits of 7 on either side.
  { gate: 'f32', up: 'f32', columnCount: 36, rowCount: 17, tokenCount: 17, expertCount: 3, topK: 2, constants: { ACTIVATION: 1 } },
  { gate: 'mxfp4', up: 'mxfp4', columnCount: 512, rowCount: 33, tokenCount: 17, expertCount: 4, topK: 4, constants: { ACTIVATION: 2, HAS_BIAS: 1 } },
  // More experts than slots: the pairs of the others are left alone, in either of two passes.
  { gate: 'q8_0', up: 'q8_0', columnCount: 96, rowCount: 40, tokenCount: 9, expertCount: 7, topK: 4, slotCount: 4, isActive: (e) => e % 2 === 0 },
  { gate: 'q8_0', up: 'q8_0', columnCount: 96, rowCount: 40, tokenCount: 9, expertCount: 7, topK: 4, slotCount: 4, isActive: (e) => e % 2 === 1 },
];

for (const shape of SHAPES.filter(({ gate }) => isTried(gate))) {
  const { gate, up, columnCount, rowCount, tokenCount, expertCount, topK, tableOffset = 0, slotCount = expertCount + 1, constants = {} } = shape;
  testKernel(groupedGateUp, { TOP_K: topK, GATE_CODEC: CODEC_IDS[gate], UP_CODEC: CODEC_IDS[up], ...constants }, describeGrouped(shape), (random) => {
    const slab = packRandomSlab(random, slotCount, [
      { codec: gate, rowCount, columnCount },
      { codec: up, rowCount, columnCount },
      { codec: 'f32', rowCount: 1, columnCount: rowCount },
      { codec: 'f32', rowCount: 1, columnCount: rowCount },
    ]);
    const stride = paddedLength(rowCount);
    const pairCount = tokenCount * topK;
    return {
      control: { tokenCount },
      params: {
        column_count: columnCount,
        row_count: rowCount,
        expert_count: expertCount,
        slot_words: slab.slotWords,
        gate_base: slab.bases[0]!,
        up_base: slab.bases[1]!,
        gate_bias: slab.bases[2]!,
        up_bias: slab.bases[3]!,
        table_offset: tableOffset,
        input_stride: paddedLength(columnCount),
        output_stride: stride,
      },
      buffers: {
        weights: slab.data,
        input: randomRows(random, tokenCount, columnCount),
        ...groupedBuffers(random, shape, slotCount),
        output: { data: poison(pairCount * stride), tolerance: gatedTolerance(columnCount, quadSumDepth(columnCount)), shape: [pairCount, stride] },
      },
    };
  });
}
