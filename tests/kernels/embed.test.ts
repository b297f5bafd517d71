import { CODEC_IDS, CODEC_NAMES, type CodecName, columnMultiple } from '../../src/core/packed-weights';
import { roundUp } from '../../src/core/units';
import { embed } from '../../src/kernels/embed';
import { poison, testKernel } from '../support/kernel-harness';
import { packRandomMatrices } from '../support/pack-matrix';
import { paddedLength } from '../support/test-routes';
import { EXACT } from '../support/tolerance';

interface Shape {
  readonly codec: CodecName;
  readonly columnCount: number;
  readonly tokens: readonly number[];
  readonly firstRow?: number;
  readonly rowCount: number;
  readonly extraStride?: number;
  readonly outputScale?: number;
  readonly constants?: Readonly<Record<string, number>>;
}

const SHAPES: readonly Shape[] = [
  ...CODEC_NAMES.map((codec): Shape => ({ codec, columnCount: roundUp(96, columnMultiple(codec)), tokens: [4, 0, 4], rowCount: 5 })),
  { codec: 'f32', columnCount: 36, tokens: [1], rowCount: 2 },
  { codec: 'q8_0', columnCount: 36, tokens: Array.from({ length: 33 }, (_, i) => (i * 5) % 7), rowCount: 7, extraStride: 32 },
  // More blocks in a row than invocations.
  { codec: 'q4_0', columnCount: 2880, tokens: [2, 1], rowCount: 3, constants: { WG_SIZE: 32 } },
  // A shard in the middle: tokens before and after it belong to others and are left alone.
  { codec: 'q4_0', columnCount: 160, tokens: [99, 100, 104, 103, 105, 0, 4_000_000_000], firstRow: 100, rowCount: 5 },
  { codec: 'f16', columnCount: 160, tokens: [7, 8, 9], firstRow: 8, rowCount: 1 },
  { codec: 'f32', columnCount: 160, tokens: [2, 1], rowCount: 3, outputScale: Math.fround(Math.sqrt(160)) },
];

for (const { codec, columnCount, tokens, firstRow = 0, rowCount, extraStride = 0, outputScale = 1, constants = {} } of SHAPES) {
  const stride = paddedLength(columnCount) + extraStride;
  const title = `${tokens.length} tokens from rows ${firstRow} to ${firstRow + rowCount} of ${columnCount} columns, stride ${stride}${outputScale === 1 ? '' : ', scaled'}`;
  testKernel(embed, { CODEC: CODEC_IDS[codec], ...constants }, title, (random) => {
    const { data, bases } = packRandomMatrices(random, [{ codec, rowCount, columnCount }]);
    return {
      control: { tokenCount: tokens.length },
      params: { column_count: columnCount, output_stride: stride, first_row: firstRow, row_count: rowCount, base: bases[0]!, output_scale: outputScale },
      buffers: {
        weights: data,
        tokens: Uint32Array.from(tokens),
        // Decoding is exact, or is rounded once (src/core/block-readers.ts), and so is the scaling.
        output: { data: poison(tokens.length * stride), tolerance: EXACT, shape: [tokens.length, stride] },
      },
    };
  });
}
