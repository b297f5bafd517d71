// norm: y[t, :] = x * gain / sqrt(mean(x^2) + eps) (+ bias)    RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467)
//       y[t, :] = x[t, :] when IS_COPY: a copy that outlives the residual stream
// One workgroup per token. Accumulates in f32.
// Needs from lib: control, reduce (sum_lanes)

override WG_SIZE: u32 = 64u;
override HAS_BIAS: u32 = 0u;
override IS_COPY: u32 = 0u;

struct Params {
  column_count: u32,
  stride: u32,      // floats from one token's row to the next, a multiple of 32; the padding is zero, and stays so
  norm_eps: f32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> input: array<vec4<f32>>;          // [token, column / 4]
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;           // [column / 4], padded with zeros; with HAS_BIAS [2, column / 4]: gain, bias
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;   // [token, column / 4]

var<workgroup> partial: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let quads = params.stride / 4u;
  let base = group.x * quads;
  var scale = 1.0;
  if (IS_COPY == 0u) {
    var squares = 0.0;
    for (var i = local; i < quads; i += WG_SIZE) {
      let x = input[base + i];
      squares += dot(x, x);
    }
    scale = inverseSqrt(sum_lanes(squares, local, WG_SIZE) / f32(params.column_count) + params.norm_eps);
  }
  for (var i = local; i < quads; i += WG_SIZE) {
    var y = input[base + i];
    if (IS_COPY == 0u) { y = y * gain[i] * scale; }
    if (IS_COPY == 0u && HAS_BIAS == 1u) { y += gain[quads + i]; }
    output[base + i] = y;
  }
}
