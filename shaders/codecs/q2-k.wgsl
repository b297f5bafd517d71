// Q2_K: 2-bit quants (8 bytes a block), 2 bytes of scales (a byte for 16 columns: 4-bit scale below 4-bit minimum), and for each superblock of 256 columns
// their two f16 factors. w = factor * scale * q - least_factor * minimum.
fn read_q2_k(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let count = matrix.row_count * matrix.block_count;
  let scale_base = matrix.base + words_of(count * 8u);
  let scales = (vec2<u32>(read_u16(scale_base, index)) >> vec2<u32>(0u, 8u)) & vec2<u32>(0xffu);
  let factors = unpack2x16float(read_u32(scale_base + words_of(count * 2u), index >> 3u));
  let scale = factors.x * vec2<f32>(scales & vec2<u32>(15u));
  let least = factors.y * vec2<f32>(scales >> vec2<u32>(4u));
  return raised_block(two_bits(read_pair(matrix.base, index)), scale, -least);
}
