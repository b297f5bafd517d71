// Q5_K: low 4 bits (16 bytes a block), high bits (4 bytes), and for each superblock of 256 columns the header of Q4_K.
// w = factor * scale * q - least_factor * minimum.
fn read_q5_k(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let count = matrix.row_count * matrix.block_count;
  let high_base = matrix.base + count;
  let scales = k_scales(weights[high_base + words_of(count * 4u) + (index >> 3u)], index & 7u);
  let quants = with_high_bits(four_bits(weights[matrix.base + index]), one_bit(read_u32(high_base, index)), 4u);
  return raised_block(quants, scales.xx, -scales.yy);
}
