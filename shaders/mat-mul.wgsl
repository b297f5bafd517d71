// mat_mul: y[t, r] = (y[t, r] +) scale * (dot(W[r, :], x[t, :]) (+ bias[r])) for every token of the batch; W is up to three matrices stacked by rows.
// A workgroup of 64 makes a tile of 32 rows x 16 tokens in steps of 64 columns: each invocation decodes one block of weights into workgroup memory, loads its
// share of the activations, then adds up one row for 8 tokens. A token's result does not depend on the other tokens of the batch. Accumulates in f32.
// The inner loop stays rolled on purpose: unrolled over a block it took LLVM (lavapipe) 4 to 11 s to compile, against 1 to 3 s so.
// Needs from lib: control, weights

override ADD_RESIDUAL: u32 = 0u;
override HAS_BIAS: u32 = 0u;
override CODEC_0: u32 = 0u;
override CODEC_1: u32 = 0u;
override CODEC_2: u32 = 0u;

const TILE_ROWS = 32u;
const TILE_TOKENS = 16u;
const TOKENS_EACH = 8u;
const STEP_BLOCKS = 2u;
const STEP_QUADS = 16u;  // groups of four columns in a step

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
  output_scale: f32,   // of the product and its bias
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;    // [token, column / 4]
@group(0) @binding(4) var<storage, read> bias: array<f32>;           // [row]; bound but unread without HAS_BIAS
@group(0) @binding(5) var<storage, read_write> output: array<f32>;   // [token, row]

var<workgroup> weight_tile: array<vec4<f32>, 512>;  // [column / 4, row]: neighbouring invocations read neighbouring words
var<workgroup> input_tile: array<vec4<f32>, 256>;   // [token, column / 4]

fn weight_block(row: u32, block: u32, block_count: u32) -> Block {
  if (row < params.row_end_0) {
    return read_block(CODEC_0, Matrix(params.base_0, params.row_end_0, block_count), row, block);
  }
  if (row < params.row_end_1) {
    return read_block(CODEC_1, Matrix(params.base_1, params.row_end_1 - params.row_end_0, block_count), row - params.row_end_0, block);
  }
  return read_block(CODEC_2, Matrix(params.base_2, params.row_count - params.row_end_1, block_count), row - params.row_end_1, block);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let block_count = (params.column_count + 31u) / 32u;
  let tile_row = local % TILE_ROWS;
  let row = group.x * TILE_ROWS + tile_row;
  let half = local / TILE_ROWS;  // which block of a step to decode, and which tokens to add up
  let first_token = group.y * TILE_TOKENS;
  let own_token = half * TOKENS_EACH;
  var sums: array<f32, 8>;
  for (var step = 0u; step < block_count; step += STEP_BLOCKS) {
    let block = step + half;
    var w = Block();
    if (row < params.row_count && block < block_count) { w = weight_block(row, block, block_count); }
    for (var i = 0u; i < 8u; i++) { weight_tile[(half * 8u + i) * TILE_ROWS + tile_row] = w[i]; }
    for (var i = local; i < TILE_TOKENS * STEP_QUADS; i += 64u) {
      let token = first_token + i / STEP_QUADS;
      let quad = step * 8u + i % STEP_QUADS;
      var x = vec4<f32>(0.0);
      if (token < control.token_count && quad < block_count * 8u) { x = input[token * (params.input_stride / 4u) + quad]; }
      input_tile[i] = x;
    }
    workgroupBarrier();
    for (var quad = 0u; quad < STEP_QUADS; quad++) {
      let w = weight_tile[quad * TILE_ROWS + tile_row];
      for (var t = 0u; t < TOKENS_EACH; t++) { sums[t] += dot(w, input_tile[(own_token + t) * STEP_QUADS + quad]); }
    }
    workgroupBarrier();
  }
  if (row >= params.row_count) { return; }
  for (var t = 0u; t < TOKENS_EACH; t++) {
    let token = first_token + own_token + t;
    if (token < control.token_count) {
      let at = token * params.output_stride + row;
      var sum = sums[t];
      if (HAS_BIAS == 1u) { sum += bias[row]; }
      sum *= params.output_scale;
      if (ADD_RESIDUAL == 1u) { output[at] += sum; } else { output[at] = sum; }
    }
  }
}
