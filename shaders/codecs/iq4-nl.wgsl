// IQ4_NL: 4-bit places in a table of uneven steps (16 bytes a block), f16 scales. w = scale * TABLE[q].
fn read_iq4_nl(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let scale = read_half(matrix.base + matrix.row_count * matrix.block_count, index);
  return table_block(IQ4_TABLE, four_bits(weights[matrix.base + index]), scale);
}
