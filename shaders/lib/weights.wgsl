// Reads packed weights, 32 columns at a time. Layout: src/core/packed-weights.ts.
// Needs from the kernel: var<storage, read> weights: array<vec4<u32>>
// Needs from shaders/codecs: one read_<codec>(matrix, row, block) for each case below; the numbers are those of CODEC_IDS.

struct Matrix {
  base: u32,         // start of the quants region, in 16-byte words
  row_count: u32,
  block_count: u32,  // blocks of 32 columns in a row
}

alias Block = array<vec4<f32>, 8>;

// `codec` is an override constant at every call, so that only one case is left when the pipeline is made.
fn read_block(codec: u32, matrix: Matrix, row: u32, block: u32) -> Block {
  switch codec {
    case 1u: { return read_f16(matrix, row, block); }
    case 2u: { return read_bf16(matrix, row, block); }
    case 3u: { return read_q8_0(matrix, row, block); }
    case 4u: { return read_q4_0(matrix, row, block); }
    case 5u: { return read_q4_1(matrix, row, block); }
    case 6u: { return read_q5_0(matrix, row, block); }
    case 7u: { return read_q5_1(matrix, row, block); }
    case 8u: { return read_q2_k(matrix, row, block); }
    case 9u: { return read_q3_k(matrix, row, block); }
    case 10u: { return read_q4_k(matrix, row, block); }
    case 11u: { return read_q5_k(matrix, row, block); }
    case 12u: { return read_q6_k(matrix, row, block); }
    case 13u: { return read_iq4_nl(matrix, row, block); }
    case 14u: { return read_iq4_xs(matrix, row, block); }
    case 15u: { return read_mxfp4(matrix, row, block); }
    case 16u: { return read_tq1_0(matrix, row, block); }
    case 17u: { return read_tq2_0(matrix, row, block); }
    default: { return read_f32(matrix, row, block); }
  }
}

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
