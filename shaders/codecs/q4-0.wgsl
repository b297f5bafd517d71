// Q4_0: 4-bit quants (16 bytes a block), f16 scales. w = scale * (q - 8).
fn read_q4_0(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let scale = read_half(matrix.base + matrix.row_count * matrix.block_count, index);
  return centred_block(four_bits(weights[matrix.base + index]), 8.0, vec2<f32>(scale));
}
