// Q3_K: low 2 bits (8 bytes a block), high bits (4 bytes), and for each superblock of 256 columns 16 bytes: sixteen 6-bit scales (bytes 0-7: their low halves,
// scales 0-7 below scales 8-15; bytes 8-11: their high bits, scale i in byte i % 4), then their f16 factor. w = factor * (scale - 32) * (q - 4).
fn read_q3_k(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let count = matrix.row_count * matrix.block_count;
  let high_base = matrix.base + words_of(count * 8u);
  let header = weights[high_base + words_of(count * 4u) + (index >> 3u)];
  let quants = with_high_bits(two_bits(read_pair(matrix.base, index)), one_bit(read_u32(high_base, index)), 2u);
  // Scales 2 * sub and 2 * sub + 1 lie in neighbouring bytes.
  let sub = index & 7u;
  let low_word = select(header.x, header.y, (sub & 2u) == 2u);
  let low = (vec2<u32>(low_word) >> (vec2<u32>(0u, 8u) + (sub & 1u) * 16u + (sub >> 2u) * 4u)) & vec2<u32>(15u);
  let high = (vec2<u32>(header.z) >> (vec2<u32>(0u, 8u) + (sub & 1u) * 16u + (sub >> 1u) * 2u)) & vec2<u32>(3u);
  let scale = vec2<f32>(low | (high << vec2<u32>(4u))) - 32.0;
  return centred_block(quants, 4.0, unpack2x16float(header.w).x * scale);
}
