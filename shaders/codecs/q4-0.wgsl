// Q4_0: 32 nibbles a block (1 word of 16 bytes), then one f16 scale a block in the scales region. w = scale * (q - 8).
// Byte j holds column j in its low nibble and column j + 16 in its high nibble, as in GGUF.
fn q4_0_quad(packed: u32, scale: f32) -> vec4<f32> {
  return scale * (vec4<f32>(unpack4xU8(packed & 0x0f0f0f0fu)) - 8.0);
}

fn read_q4_0(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let word = weights[matrix.base + index];
  let scale = read_scale(matrix.base + matrix.row_count * matrix.block_count, index);
  return Block(
    q4_0_quad(word.x, scale), q4_0_quad(word.y, scale),
    q4_0_quad(word.z, scale), q4_0_quad(word.w, scale),
    q4_0_quad(word.x >> 4u, scale), q4_0_quad(word.y >> 4u, scale),
    q4_0_quad(word.z >> 4u, scale), q4_0_quad(word.w >> 4u, scale),
  );
}
