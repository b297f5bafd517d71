// MXFP4 (OCP Microscaling formats 1.0): 4-bit numbers of one sign, two exponent and one mantissa bit (E2M1, 16 bytes a block), and a power of two (E8M0, a
// byte). w = 2^(e - 127) * number; the table holds twice the numbers.

// 0, 1, 2, 3, 4, 6, 8, 12 and their negatives
const E2M1_DOUBLES = vec4<u32>(0x03020100u, 0x0c080604u, 0xfdfeff00u, 0xf4f8fafcu);

fn read_mxfp4(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let exponent = read_u8(matrix.base + matrix.row_count * matrix.block_count, index);
  // 2^(e - 128), which for e < 2 is a subnormal number that an adapter may take for zero, so only the product may be one.
  let scale = bitcast<f32>((max(exponent, 2u) - 1u) << 23u);
  var result = table_block(E2M1_DOUBLES, four_bits(weights[matrix.base + index]), scale);
  if (exponent < 2u) {
    for (var i = 0u; i < 8u; i++) { result[i] *= select(0.5, 0.25, exponent == 0u); }
  }
  return result;
}
