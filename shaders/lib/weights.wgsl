// Reads packed weights, 32 columns at a time. Layout: src/core/packed-weights.ts.
// Needs from the kernel: var<storage, read> weights: array<vec4<u32>>
// The linker (src/gpu/shader-sources.ts) adds read_block(codec, matrix, row, block) and the readers of shaders/codecs that a variant uses.

struct Matrix {
  base: u32,         // start of the quants region, in 16-byte words
  row_count: u32,
  block_count: u32,  // blocks of 32 columns in a row
}

alias Block = array<vec4<f32>, 8>;

fn dot_block(a: Block, b: Block) -> f32 {
  var sum = dot(a[0], b[0]);
  sum += dot(a[1], b[1]);
  sum += dot(a[2], b[2]);
  sum += dot(a[3], b[3]);
  sum += dot(a[4], b[4]);
  sum += dot(a[5], b[5]);
  sum += dot(a[6], b[6]);
  sum += dot(a[7], b[7]);
  return sum;
}

// One f32 of a bias vector that starts at 16-byte word `base`.
fn read_bias(base: u32, index: u32) -> f32 {
  return bitcast<f32>(weights[base + (index >> 2u)][index & 3u]);
}
