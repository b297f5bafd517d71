// mat_mul: y[t, r] = (y[t, r] +) dot(W[r, :], x[t, :]) for every token of the batch; W is up to three matrices stacked by rows.
// A workgroup makes a tile of 32 rows x 16 tokens: each of 64 invocations holds one row's block of weights in registers and uses it for 8 tokens, whose
// activations lie in workgroup memory. A token's result does not depend on the other tokens of the batch. Accumulates in f32.
// Needs from lib: control, weights (read_block, dot_block)

override ADD_RESIDUAL: u32 = 0u;
override CODEC_0: u32 = 0u;
override CODEC_1: u32 = 0u;
override CODEC_2: u32 = 0u;

const TILE_ROWS = 32u;
const TILE_TOKENS = 16u;
const TOKENS_EACH = 8u;

struct Params {
  column_count: u32,
  input_stride: u32,   // floats from one token's row to the next, a multiple of 32; the padding is zero
  row_count: u32,      // rows of all matrices
  row_end_0: u32,      // rows [0, row_end_0) are matrix 0, [row_end_0, row_end_1) matrix 1, the rest matrix 2
  row_end_1: u32,
  base_0: u32,         // where each matrix starts in `weights`, in 16-byte words
  base_1: u32,
  base_2: u32,
  output_stride: u32,  // floats
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;    // [token, column / 4]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;   // [token, row]

var<workgroup> tile: array<vec4<f32>, 128>;  // [token, column / 4] of one block

fn weight_block(row: u32, block: u32, block_count: u32) -> Block {
  if (row < params.row_end_0) {
    return read_block(CODEC_0, Matrix(params.base_0, params.row_end_0, block_count), row, block);
  }
  if (row < params.row_end_1) {
    return read_block(CODEC_1, Matrix(params.base_1, params.row_end_1 - params.row_end_0, block_count), row - params.row_end_0, block);
  }
  return read_block(CODEC_2, Matrix(params.base_2, params.row_count - params.row_end_1, block_count), row - params.row_end_1, block);
}

fn tile_block(token: u32) -> Block {
  let at = token * 8u;
  return Block(tile[at], tile[at + 1u], tile[at + 2u], tile[at + 3u], tile[at + 4u], tile[at + 5u], tile[at + 6u], tile[at + 7u]);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let block_count = (params.column_count + 31u) / 32u;
  let row = group.x * TILE_ROWS + local % TILE_ROWS;
  let first_token = group.y * TILE_TOKENS;
  let own_token = (local / TILE_ROWS) * TOKENS_EACH;
  var sums: array<f32, 8>;
  for (var block = 0u; block < block_count; block++) {
    for (var i = local; i < TILE_TOKENS * 8u; i += 64u) {
      let token = first_token + i / 8u;
      var x = vec4<f32>(0.0);
      if (token < control.token_count) { x = input[token * (params.input_stride / 4u) + block * 8u + i % 8u]; }
      tile[i] = x;
    }
    workgroupBarrier();
    if (row < params.row_count) {
      let w = weight_block(row, block, block_count);
      for (var t = 0u; t < TOKENS_EACH; t++) { sums[t] += dot_block(w, tile_block(own_token + t)); }
    }
    workgroupBarrier();
  }
  if (row >= params.row_count) { return; }
  for (var t = 0u; t < TOKENS_EACH; t++) {
    let token = first_token + own_token + t;
    if (token < control.token_count) {
      let at = token * params.output_stride + row;
      if (ADD_RESIDUAL == 1u) { output[at] += sums[t]; } else { output[at] = sums[t]; }
    }
  }
}
