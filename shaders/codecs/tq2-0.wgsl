// TQ2_0: 2-bit quants (8 bytes a block), an f16 scale for each superblock of 256 columns. w = scale * (q - 1).
fn read_tq2_0(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let scale = read_half(matrix.base + words_of(matrix.row_count * matrix.block_count * 8u), index >> 3u);
  return centred_block(two_bits(read_pair(matrix.base, index)), 1.0, vec2<f32>(scale));
}
