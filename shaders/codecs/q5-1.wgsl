// Q5_1: low 4 bits (16 bytes a block), high bits (4 bytes), pairs of f16 scale and minimum. w = scale * q + minimum.
fn read_q5_1(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let count = matrix.row_count * matrix.block_count;
  let high_base = matrix.base + count;
  let scale = unpack2x16float(read_u32(high_base + words_of(count * 4u), index));
  let quants = with_high_bits(four_bits(weights[matrix.base + index]), one_bit(read_u32(high_base, index)), 4u);
  return raised_block(quants, scale.xx, scale.yy);
}
