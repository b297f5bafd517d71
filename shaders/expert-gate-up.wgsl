// expert_gate_up: a[k, r] = gated(dot(G_e[r, :], m), dot(U_e[r, :], m)) for the k-th expert e of the one token of a decode step.
// All k experts in one dispatch: workgroup y is k. LANES invocations share two rows of both matrices, for which they read the input once. Weights are found only
// through the slot in the route; an expert that has none (in a scout) gives zeros.
// Needs from lib: control, weights (dot_block), reduce-quads (sum_quads), rows (rows_here), activation (gated)

override WG_SIZE: u32 = 64u;
override LANES: u32 = 8u;
override ROW_STEPS: u32 = 1u;
override TOP_K: u32 = 4u;         // the grid's height
override GATE_CODEC: u32 = 0u;
override UP_CODEC: u32 = 0u;
override ACTIVATION: u32 = 0u;
override HAS_BIAS: u32 = 0u;

const MISSING = 0xffffffffu;

struct Params {
  column_count: u32,
  row_count: u32,      // expert hidden size
  slot_words: u32,     // 16-byte words from one slot to the next
  gate_base: u32,      // within a slot, 16-byte words
  up_base: u32,
  routes_offset: u32,  // words
  output_stride: u32,  // floats from one k to the next
  gate_bias: u32,      // within a slot, 16-byte words; unread without HAS_BIAS
  up_bias: u32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;       // slab: [slot, record]
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;         // m: [column / 4]
@group(0) @binding(4) var<storage, read> routes: array<u32>;              // [k] x { expert, slot, weight }
@group(0) @binding(5) var<storage, read_write> output: array<f32>;        // a: [k, row]

var<workgroup> partial_quads: array<vec4<f32>, WG_SIZE>;

fn write_row(k: u32, row: u32, products: vec2<f32>, slot_base: u32, is_here: bool) {
  var sums = products;
  if (HAS_BIAS == 1u && is_here) { sums += vec2<f32>(read_bias(slot_base + params.gate_bias, row), read_bias(slot_base + params.up_bias, row)); }
  output[k * params.output_stride + row] = select(0.0, gated(ACTIVATION, sums.x, sums.y), is_here);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let block_count = (params.column_count + 31u) / 32u;
  let k = group.y;
  let slot = routes[params.routes_offset + k * 3u + 1u];
  let is_here = slot != MISSING;
  let slot_base = select(0u, slot, is_here) * params.slot_words;
  let gate = Matrix(slot_base + params.gate_base, params.row_count, block_count);
  let up = Matrix(slot_base + params.up_base, params.row_count, block_count);

  let lane = local % LANES;
  let rows_at_once = WG_SIZE / LANES;
  let first_row = group.x * rows_at_once * 2u * ROW_STEPS + local / LANES;
  for (var step = 0u; step < ROW_STEPS; step++) {
    let row = first_row + step * 2u * rows_at_once;
    let count = rows_here(params.row_count, row, rows_at_once, 2u);
    var sums = vec4<f32>(0.0); // gates of both rows, ups of both
    if (is_here && count > 0u) {
      for (var block = lane; block < block_count; block += LANES) {
        var x: Block;
        for (var i = 0u; i < 8u; i++) { x[i] = input[block * 8u + i]; }
        for (var i = 0u; i < count; i++) {
          sums[i] += dot_block(read_block(GATE_CODEC, gate, row + i * rows_at_once, block), x);
          sums[2u + i] += dot_block(read_block(UP_CODEC, up, row + i * rows_at_once, block), x);
        }
      }
    }
    sums = sum_quads(sums, local, LANES);
    for (var i = lane; i < count; i += LANES) { write_row(k, row + i * rows_at_once, vec2<f32>(sums[i], sums[2u + i]), slot_base, is_here); }
  }
}
