// BF16: 4 words of 16 bytes a block, no scales. A bfloat16 is the upper half of an f32.
fn bf16_quad(low: u32, high: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(low << 16u, low & 0xffff0000u, high << 16u, high & 0xffff0000u));
}

fn read_bf16(matrix: Matrix, row: u32, block: u32) -> Block {
  let at = matrix.base + (row * matrix.block_count + block) * 4u;
  let w0 = weights[at];
  let w1 = weights[at + 1u];
  let w2 = weights[at + 2u];
  let w3 = weights[at + 3u];
  return Block(
    bf16_quad(w0.x, w0.y), bf16_quad(w0.z, w0.w),
    bf16_quad(w1.x, w1.y), bf16_quad(w1.z, w1.w),
    bf16_quad(w2.x, w2.y), bf16_quad(w2.z, w2.w),
    bf16_quad(w3.x, w3.y), bf16_quad(w3.z, w3.w),
  );
}
