// IQ4_XS: 4-bit places in the table of IQ4_NL (16 bytes a block), and for each superblock of 256 columns 8 bytes: f16 factor, 16 bits of which two are the
// high bits of a block's scale, 32 bits of which four are its low bits. w = factor * (scale - 32) * TABLE[q].
fn read_iq4_xs(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let header = read_pair(matrix.base + matrix.row_count * matrix.block_count, index >> 3u);
  let sub = index & 7u;
  let scale = ((header.y >> (sub * 4u)) & 15u) | (((header.x >> (16u + sub * 2u)) & 3u) << 4u);
  return table_block(IQ4_TABLE, four_bits(weights[matrix.base + index]), unpack2x16float(header.x).x * (f32(scale) - 32.0));
}
