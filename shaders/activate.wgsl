// activate: a[t, r] = gated(x[t, r], x[t, n + r]) for the stacked gate and up rows of a dense FFN or a shared expert; times sigmoid(x[t, 2n]) when
//           HAS_GATE: a shared expert whose share is decided by one more row (Qwen2-MoE).
// Needs from lib: control, activation (gated, sigmoid)

override WG_SIZE: u32 = 64u;
override ACTIVATION: u32 = 0u;
override HAS_GATE: u32 = 0u;

struct Params {
  row_count: u32,      // n
  input_stride: u32,   // floats between tokens
  output_stride: u32,  // floats between tokens, a multiple of 32; the padding stays zero
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> input: array<f32>;          // [token, gate | up | share]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // [token, row]

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let base = group.x * params.input_stride;
  var share = 1.0;
  if (HAS_GATE == 1u) { share = sigmoid(input[base + 2u * params.row_count]); }
  for (var r = local; r < params.row_count; r += WG_SIZE) {
    output[group.x * params.output_stride + r] = gated(ACTIVATION, input[base + r], input[base + params.row_count + r]) * share;
  }
}
