// mat_vec: y[r] = (y[r] +) scale * (dot(W[r, :], n(x)) (+ bias[r])) for the last token of the batch; W is up to three matrices stacked by rows (query, key, value);
//          n(x) = x, or x * gain / sqrt(mean(x^2) + eps) (RMSNorm, Zhang and Sennrich 2019) when HAS_NORM.
// LANES neighbouring invocations share four rows, for which they read the input once: a block of it is 128 bytes, and one of quantised weights 7 to 34. So a
// workgroup has 4 * WG_SIZE / LANES rows at a time and ROW_STEPS times that in all. Accumulates in f32.
// Needs from lib: control, weights (dot_block), reduce (sum_lanes), reduce-quads (sum_quads), rows (rows_here)

override WG_SIZE: u32 = 64u;
override LANES: u32 = 8u;
override ROW_STEPS: u32 = 1u;
override HAS_NORM: u32 = 0u;
override ADD_RESIDUAL: u32 = 0u;
override HAS_BIAS: u32 = 0u;
override CODEC_0: u32 = 0u;
override CODEC_1: u32 = 0u;
override CODEC_2: u32 = 0u;

struct Params {
  column_count: u32,
  input_stride: u32,   // floats from one token's row to the next, a multiple of 32; the padding is zero
  row_count: u32,      // rows of all matrices
  row_end_0: u32,      // rows [0, row_end_0) are matrix 0, [row_end_0, row_end_1) matrix 1, the rest matrix 2
  row_end_1: u32,
  base_0: u32,         // where each matrix starts in `weights`, in 16-byte words
  base_1: u32,
  base_2: u32,
  output_offset: u32,  // floats; the first row's place in `output`
  norm_eps: f32,
  output_scale: f32,   // of the product and its bias
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;        // [token, column / 4]
@group(0) @binding(4) var<storage, read> gain: array<vec4<f32>>;         // [column / 4]; bound but unread without HAS_NORM
@group(0) @binding(5) var<storage, read> bias: array<f32>;               // [row], as output is; bound but unread without HAS_BIAS
@group(0) @binding(6) var<storage, read_write> output: array<f32>;       // [row]

var<workgroup> partial: array<f32, WG_SIZE>;
var<workgroup> partial_quads: array<vec4<f32>, WG_SIZE>;

fn input_block(row_base: u32, block: u32, scale: f32) -> Block {
  var x: Block;
  for (var i = 0u; i < 8u; i++) {
    x[i] = input[row_base + block * 8u + i];
    if (HAS_NORM == 1u) { x[i] = x[i] * gain[block * 8u + i] * scale; }
  }
  return x;
}

fn weight_block(row: u32, block: u32, block_count: u32) -> Block {
  if (row < params.row_end_0) {
    return read_block(CODEC_0, Matrix(params.base_0, params.row_end_0, block_count), row, block);
  }
  if (row < params.row_end_1) {
    return read_block(CODEC_1, Matrix(params.base_1, params.row_end_1 - params.row_end_0, block_count), row - params.row_end_0, block);
  }
  return read_block(CODEC_2, Matrix(params.base_2, params.row_count - params.row_end_1, block_count), row - params.row_end_1, block);
}

fn write_row(row: u32, product: f32) {
  let at = params.output_offset + row;
  var sum = product;
  if (HAS_BIAS == 1u) { sum += bias[at]; }
  sum *= params.output_scale;
  if (ADD_RESIDUAL == 1u) { output[at] += sum; } else { output[at] = sum; }
}

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  if (control.halted != 0u) { return; }
  let block_count = (params.column_count + 31u) / 32u;
  let input_row = (control.token_count - 1u) * (params.input_stride / 4u);

  var scale = 1.0;
  if (HAS_NORM == 1u) {
    var squares = 0.0;
    for (var i = local; i < params.input_stride / 4u; i += WG_SIZE) {
      let x = input[input_row + i];
      squares += dot(x, x);
    }
    scale = inverseSqrt(sum_lanes(squares, local, WG_SIZE) / f32(params.column_count) + params.norm_eps);
  }

  let lane = local % LANES;
  let rows_at_once = WG_SIZE / LANES;
  let first_row = (group.y * groups.x + group.x) * rows_at_once * 4u * ROW_STEPS + local / LANES;
  for (var step = 0u; step < ROW_STEPS; step++) {
    let row = first_row + step * 4u * rows_at_once;
    let count = rows_here(params.row_count, row, rows_at_once, 4u);
    var sums = vec4<f32>(0.0);
    if (count > 0u) {
      for (var block = lane; block < block_count; block += LANES) {
        let x = input_block(input_row, block, scale);
        for (var i = 0u; i < count; i++) { sums[i] += dot_block(weight_block(row + i * rows_at_once, block, block_count), x); }
      }
    }
    sums = sum_quads(sums, local, LANES);
    for (var i = lane; i < count; i += LANES) { write_row(row + i * rows_at_once, sums[i]); }
  }
}
