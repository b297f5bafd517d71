import { CODEC_IDS, CODEC_NAMES, type CodecName, columnMultiple } from '../../src/core/packed-weights';
import { roundUp } from '../../src/core/units';
import { groupedDown } from '../../src/kernels/grouped-down';
import { isTried } from '../support/codecs-tried';
import { type GroupedShape, describeGrouped, groupedBuffers } from '../support/grouped-case';
import { poison, randomRows, testKernel } from '../support/kernel-harness';
import { packRandomSlab } from '../support/pack-matrix';
import { productTolerance } from '../support/stacked-matrices';
import { paddedLength } from '../support/test-routes';
import { quadSumDepth } from '../support/tolerance';

interface Shape extends GroupedShape {
  readonly codec: CodecName;
  readonly slotCount?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Codecs that no other shape has. */
const OTHERS = CODEC_NAMES.filter((codec) => !['f32', 'f16', 'bf16', 'q8_0', 'q4_0'].includes(codec));

const SHAPES: readonly Shape[] = [
  { codec: 'q8_0', columnCount: 96, rowCount: 37, tokenCount: 17, expertCount: 7, topK: 4, tableOffset: 14 },
  { codec: 'q4_0', columnCount: 160, rowCount: 96, tokenCount: 3, expertCount: 32, topK: 8 },
  { codec: 'f32', columnCount: 36, rowCount: 5, tokenCount: 33, expertCount: 1, topK: 1 },
  { codec: 'f32', columnCount: 36, rowCount: 37, tokenCount: 17, expertCount: 3, topK: 2, constants: { HAS_BIAS: 1 } },
  { codec: 'f16', columnCount: 36, rowCount: 17, tokenCount: 3, expertCount: 20, topK: 16 },
  { codec: 'bf16', columnCount: 256, rowCount: 1, tokenCount: 1, expertCount: 64, topK: 8 },
  ...OTHERS.map((codec): Shape => ({ codec, columnCount: roundUp(96, columnMultiple(codec)), rowCount: 33, tokenCount: 3, expertCount: 3, topK: 2 })),
  { codec: 'q8_0', columnCount: 64, rowCount: 65, tokenCount: 33, expertCount: 4, topK: 4, tableOffset: 4 },
  { codec: 'q8_0', columnCount: 96, rowCount: 40, tokenCount: 9, expertCount: 7, topK: 4, slotCount: 4, isActive: (e) => e % 2 === 0 },
  { codec: 'q8_0', columnCount: 96, rowCount: 40, tokenCount: 9, expertCount: 7, topK: 4, slotCount: 4, isActive: (e) => e % 2 === 1 },
];

for (const shape of SHAPES.filter(({ codec }) => isTried(codec))) {
  const { codec, columnCount, rowCount, tokenCount, expertCount, topK, tableOffset = 0, slotCount = expertCount + 1, constants = {} } = shape;
  testKernel(groupedDown, { CODEC: CODEC_IDS[codec], ...constants }, describeGrouped(shape), (random) => {
    const slab = packRandomSlab(random, slotCount, [
      { codec, rowCount, columnCount },
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
        down_base: slab.bases[0]!,
        table_offset: tableOffset,
        input_stride: paddedLength(columnCount),
        output_stride: stride,
        down_bias: slab.bases[1]!,
      },
      buffers: {
        weights: slab.data,
        input: randomRows(random, pairCount, columnCount),
        ...groupedBuffers(random, shape, slotCount),
        output: { data: poison(pairCount * stride), tolerance: productTolerance(columnCount, quadSumDepth(columnCount)), shape: [pairCount, stride] },
      },
    };
  });
}
