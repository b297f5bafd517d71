import { ControlWord } from '../core/control';
import { BLOCK_SIZE, blocksPerRow } from '../core/packed-weights';
import type { Reference } from './call';
import { PackedMatrixReader } from '../core/packed-block';

/** x[t, c] = scale · E[token[t], c] for tokens of this shard. */
export const embed: Reference = ({ control, params, constants, f32, u32, bytes }) => {
  const { column_count, output_stride, first_row, row_count, base } = params as Record<string, number>;
  const matrix = new PackedMatrixReader(bytes('weights'), constants['CODEC']!, base!, row_count!, column_count!);
  const tokens = u32('tokens');
  const output = f32('output');
  for (let t = 0; t < control[ControlWord.tokenCount]!; t++) {
    const row = tokens[t]! - first_row!;
    if (row < 0 || row >= row_count!) continue;
    for (let b = 0; b < blocksPerRow(column_count!); b++) {
      const start = t * output_stride! + b * BLOCK_SIZE;
      const x = output.subarray(start, start + BLOCK_SIZE);
      matrix.readBlock(row, b, x);
      for (let i = 0; i < BLOCK_SIZE; i++) x[i] = x[i]! * params['output_scale']!;
    }
  }
};
