// Q8_0: 32 signed bytes a block (2 words of 16 bytes), then one f16 scale a block in the scales region. w = scale * q.
fn read_q8_0(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let at = matrix.base + index * 2u;
  let scale = read_half(matrix.base + matrix.row_count * matrix.block_count * 2u, index);
  let low = weights[at];
  let high = weights[at + 1u];
  return Block(
    scale * vec4<f32>(unpack4xI8(low.x)), scale * vec4<f32>(unpack4xI8(low.y)),
    scale * vec4<f32>(unpack4xI8(low.z)), scale * vec4<f32>(unpack4xI8(low.w)),
    scale * vec4<f32>(unpack4xI8(high.x)), scale * vec4<f32>(unpack4xI8(high.y)),
    scale * vec4<f32>(unpack4xI8(high.z)), scale * vec4<f32>(unpack4xI8(high.w)),
  );
}
