// Q4_1: 4-bit quants (16 bytes a block), pairs of f16 scale and minimum. w = scale * q + minimum.
fn read_q4_1(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let scale = unpack2x16float(read_u32(matrix.base + matrix.row_count * matrix.block_count, index));
  return raised_block(four_bits(weights[matrix.base + index]), scale.xx, scale.yy);
}
