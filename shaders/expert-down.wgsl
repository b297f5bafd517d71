// expert_down: x[r] += scale * sum_k w_k * (dot(D_e(k)[r, :], a[k, :]) (+ b_e(k)[r])), k in order, for the one token of a decode step: the experts' results are weighted, combined
// in a fixed order and added to the residual stream in one dispatch. LANES invocations share four rows, for which they read the input once. An expert without a slot (in a
// scout) adds nothing.
// Needs from lib: control, weights (dot_block), reduce-quads (sum_quads), rows (rows_here)

override WG_SIZE: u32 = 64u;
override LANES: u32 = 4u;
override ROW_STEPS: u32 = 1u;
override TOP_K: u32 = 4u;
override CODEC: u32 = 0u;
override HAS_BIAS: u32 = 0u;

const MISSING = 0xffffffffu;

struct Params {
  column_count: u32,   // expert hidden size
  row_count: u32,      // hidden size
  slot_words: u32,     // 16-byte words from one slot to the next
  down_base: u32,      // within a slot, 16-byte words
  routes_offset: u32,  // words
  input_stride: u32,   // floats from one k to the next; the padding is zero
  down_bias: u32,      // within a slot, 16-byte words; unread without HAS_BIAS
  output_scale: f32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;       // slab: [slot, record]
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;         // a: [k, column / 4]
@group(0) @binding(4) var<storage, read> routes: array<u32>;              // [k] x { expert, slot, weight }
@group(0) @binding(5) var<storage, read_write> output: array<f32>;        // x: [row]

var<workgroup> partial_quads: array<vec4<f32>, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let block_count = (params.column_count + 31u) / 32u;
  let lane = local % LANES;
  let rows_at_once = WG_SIZE / LANES;
  let first_row = group.x * rows_at_once * 4u * ROW_STEPS + local / LANES;
  for (var step = 0u; step < ROW_STEPS; step++) {
    let row = first_row + step * 4u * rows_at_once;
    var sums = vec4<f32>(0.0);
    let count = rows_here(params.row_count, row, rows_at_once, 4u);
    if (count > 0u) {
      for (var k = 0u; k < TOP_K; k++) {
        let route = params.routes_offset + k * 3u;
        let slot = routes[route + 1u];
        if (slot == MISSING) { continue; }
        let down = Matrix(slot * params.slot_words + params.down_base, params.row_count, block_count);
        var dots = vec4<f32>(0.0);
        for (var block = lane; block < block_count; block += LANES) {
          var a: Block;
          for (var i = 0u; i < 8u; i++) { a[i] = input[k * (params.input_stride / 4u) + block * 8u + i]; }
          for (var i = 0u; i < count; i++) { dots[i] += dot_block(read_block(CODEC, down, row + i * rows_at_once, block), a); }
        }
        // One lane brings the bias; the sum over lanes then holds it once.
        if (HAS_BIAS == 1u && lane == 0u) {
          for (var i = 0u; i < count; i++) { dots[i] += read_bias(slot * params.slot_words + params.down_bias, row + i * rows_at_once); }
        }
        sums += bitcast<f32>(routes[route + 2u]) * dots;
      }
    }
    sums = sum_quads(sums, local, LANES) * params.output_scale;
    for (var i = lane; i < count; i += LANES) { output[row + i * rows_at_once] += sums[i]; }
  }
}
