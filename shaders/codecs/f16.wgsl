// F16: 4 words of 16 bytes a block, no scales.
fn f16_quad(low: u32, high: u32) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(low), unpack2x16float(high));
}

fn read_f16(matrix: Matrix, row: u32, block: u32) -> Block {
  let at = matrix.base + (row * matrix.block_count + block) * 4u;
  let w0 = weights[at];
  let w1 = weights[at + 1u];
  let w2 = weights[at + 2u];
  let w3 = weights[at + 3u];
  return Block(
    f16_quad(w0.x, w0.y), f16_quad(w0.z, w0.w),
    f16_quad(w1.x, w1.y), f16_quad(w1.z, w1.w),
    f16_quad(w2.x, w2.y), f16_quad(w2.z, w2.w),
    f16_quad(w3.x, w3.y), f16_quad(w3.z, w3.w),
  );
}
