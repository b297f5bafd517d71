// Q5_0: low 4 bits (16 bytes a block), high bits (4 bytes), f16 scales. w = scale * (q - 16).
fn read_q5_0(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let count = matrix.row_count * matrix.block_count;
  let high_base = matrix.base + count;
  let scale = read_half(high_base + words_of(count * 4u), index);
  let quants = with_high_bits(four_bits(weights[matrix.base + index]), one_bit(read_u32(high_base, index)), 4u);
  return centred_block(quants, 16.0, vec2<f32>(scale));
}
