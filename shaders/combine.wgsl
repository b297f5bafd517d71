// combine: x[t, c] += scale * sum_k w[t, k] * y[t * TOP_K + k, c], k in order, so the result does not depend on the order in which the experts ran.
// Needs from lib: control

override WG_SIZE: u32 = 64u;
override TOP_K: u32 = 4u;

struct Params {
  row_count: u32,      // hidden size
  routes_offset: u32,  // words
  input_stride: u32,   // floats between pairs
  output_stride: u32,  // floats between tokens
  output_scale: f32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> input: array<f32>;               // y: [pair, column]
@group(0) @binding(3) var<storage, read> routes: array<u32>;              // [token, k] x { expert, slot, weight }
@group(0) @binding(4) var<storage, read_write> output: array<f32>;        // x: [token, column]

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let token = group.x;
  for (var c = local; c < params.row_count; c += WG_SIZE) {
    var sum = 0.0;
    for (var k = 0u; k < TOP_K; k++) {
      let pair = token * TOP_K + k;
      sum += bitcast<f32>(routes[params.routes_offset + pair * 3u + 2u]) * input[pair * params.input_stride + c];
    }
    output[token * params.output_stride + c] += sum * params.output_scale;
  }
}
