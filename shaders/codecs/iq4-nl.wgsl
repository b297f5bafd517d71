// IQ4_NL: 4-bit places in a table of uneven steps (16 bytes a block), f16 scales. w = scale * TABLE[q].

// -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
const IQ4_TABLE = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);

fn read_iq4_nl(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let scale = read_half(matrix.base + matrix.row_count * matrix.block_count, index);
  return table_block(IQ4_TABLE, four_bits(weights[matrix.base + index]), scale);
}
