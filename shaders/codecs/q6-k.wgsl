// Q6_K: low 4 bits (16 bytes a block), high 2 bits (8 bytes), two signed bytes of scales (one for 16 columns), and an f16 factor for each superblock of
// 256 columns. w = factor * scale * (q - 32).
fn read_q6_k(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let count = matrix.row_count * matrix.block_count;
  let high_base = matrix.base + count;
  let scale_base = high_base + words_of(count * 8u);
  let scale = vec2<f32>(unpack4xI8(read_u16(scale_base, index)).xy);
  let factor = read_half(scale_base + words_of(count * 2u), index >> 3u);
  let quants = with_high_bits(four_bits(weights[matrix.base + index]), two_bits(read_pair(high_base, index)), 4u);
  return centred_block(quants, 32.0, factor * scale);
}
