// Q4_K: 4-bit quants (16 bytes a block), and for each superblock of 256 columns 16 bytes: two f16 factors, then eight 6-bit scales and minima.
// w = factor * scale * q - least_factor * minimum.
fn read_q4_k(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let scales = k_scales(weights[matrix.base + matrix.row_count * matrix.block_count + (index >> 3u)], index & 7u);
  return raised_block(four_bits(weights[matrix.base + index]), scales.xx, -scales.yy);
}
