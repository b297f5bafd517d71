// short_convolution: with b | c | x the three parts of a token's projection (LFM2): u[p, :] = b * x; y[t, :] = c * sum_j taps[:, j] * u[p - tap_count + 1 + j, :].
// u is kept for every position, as keys and values are. u of positions before this batch is read from there; u of the batch itself is made from its own
// projections, so that its tokens do not wait for each other. Positions before the first count as zero. One workgroup per token.
// Needs from lib: control

override WG_SIZE: u32 = 64u;

struct Params {
  column_count: u32,
  input_stride: u32,   // floats between tokens in the projection
  output_stride: u32,  // floats between tokens in y; the padding stays zero
  tap_count: u32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> input: array<f32>;           // [token, b | c | x]
@group(0) @binding(3) var<storage, read> taps: array<f32>;            // [column, tap], oldest first
@group(0) @binding(4) var<storage, read_write> cache: array<f32>;     // u: [position, column]
@group(0) @binding(5) var<storage, read_write> output: array<f32>;    // y: [token, column]

fn gated_input(token: u32, column: u32) -> f32 {
  let at = token * params.input_stride + column;
  return input[at] * input[at + 2u * params.column_count];
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let token = group.x;
  let position = control.position + token;
  for (var c = local; c < params.column_count; c += WG_SIZE) {
    var sum = 0.0;
    for (var j = 0u; j < params.tap_count; j++) {
      let back = params.tap_count - 1u - j;
      if (back > position) { continue; }
      var u = 0.0;
      if (back <= token) { u = gated_input(token - back, c); } else { u = cache[(position - back) * params.column_count + c]; }
      sum += taps[c * params.tap_count + j] * u;
    }
    cache[position * params.column_count + c] = gated_input(token, c);
    output[token * params.output_stride + c] = sum * input[token * params.input_stride + params.column_count + c];
  }
}
