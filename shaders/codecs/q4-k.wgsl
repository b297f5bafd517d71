// Q4_K: 4-bit quants (16 bytes a block), and for each superblock of 256 columns 16 bytes: two f16 factors, then eight 6-bit scales and minima.
// w = factor * scale * q - least_factor * minimum.

// `block`: below 8. Scale and minimum of blocks 0-3 are the low six bits of bytes 4-7 and 8-11; the two bits above are the high bits of blocks 4-7, whose low
// bits are the halves of bytes 12-15. Q5_K has the same header.
fn k_scales(header: vec4<u32>, block: u32) -> vec2<f32> {
  let shift = vec2<u32>((block & 3u) * 8u);
  let six = (header.yz >> shift) & vec2<u32>(0x3fu);
  let high = (header.yz >> (shift + 6u)) & vec2<u32>(3u);
  let low = (header.ww >> (shift + vec2<u32>(0u, 4u))) & vec2<u32>(15u);
  return unpack2x16float(header.x) * vec2<f32>(select(six, low | (high << vec2<u32>(4u)), block >= 4u));
}

fn read_q4_k(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let scales = k_scales(weights[matrix.base + matrix.row_count * matrix.block_count + (index >> 3u)], index & 7u);
  return raised_block(four_bits(weights[matrix.base + index]), scales.xx, -scales.yy);
}
