// grouped_gate_up: a[pair, r] = gated(dot(G_e[r, :], m[t, :]), dot(U_e[r, :], m[t, :])) for every (token, k) pair of each active expert e.
// Workgroup (x, y) makes 32 rows of expert y for all its pairs, 16 at a time, in steps of 32 columns: half of its 64 invocations decode gate blocks into
// workgroup memory, half up blocks; then each adds up one row for 8 pairs (as in mat_mul). Experts that the host has not made active in this pass are left
// out: a batch whose experts do not fit the slots takes several passes, with the same result.
// Needs from lib: control, weights, activation (gated)

override TOP_K: u32 = 4u;
override GATE_CODEC: u32 = 0u;
override UP_CODEC: u32 = 0u;
override ACTIVATION: u32 = 0u;
override HAS_BIAS: u32 = 0u;

const TILE_ROWS = 32u;
const TILE_PAIRS = 16u;
const PAIRS_EACH = 8u;

struct Params {
  column_count: u32,
  row_count: u32,         // expert hidden size
  expert_count: u32,
  slot_words: u32,        // 16-byte words from one slot to the next
  gate_base: u32,         // within a slot, 16-byte words
  up_base: u32,
  table_offset: u32,      // words: this layer's row in slot_table and active
  input_stride: u32,      // floats between tokens; the padding is zero
  output_stride: u32,     // floats between pairs
  gate_bias: u32,         // within a slot, 16-byte words; unread without HAS_BIAS
  up_bias: u32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;       // slab: [slot, record]
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;         // m: [token, column / 4]
@group(0) @binding(4) var<storage, read> groups: array<u32>;              // see group.wgsl
@group(0) @binding(5) var<storage, read> slot_table: array<u32>;          // [layer, expert]
@group(0) @binding(6) var<storage, read> active_experts: array<u32>;      // [layer, expert] 1: in this pass
@group(0) @binding(7) var<storage, read_write> output: array<f32>;        // a: [pair, row]

var<workgroup> weight_tile: array<vec4<f32>, 512>;  // [gate | up, column / 4, row]
var<workgroup> input_tile: array<vec4<f32>, 128>;   // [pair, column / 4]
var<workgroup> pairs: array<u32, 16>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let expert = group.y;
  let count = select(0u, groups[expert], active_experts[params.table_offset + expert] != 0u);
  let first = groups[params.expert_count + expert];
  let slot = slot_table[params.table_offset + expert];
  if (count == 0u) { return; }

  let block_count = (params.column_count + 31u) / 32u;
  let gate = Matrix(slot * params.slot_words + params.gate_base, params.row_count, block_count);
  let up = Matrix(slot * params.slot_words + params.up_base, params.row_count, block_count);
  let tile_row = local % TILE_ROWS;
  let row = group.x * TILE_ROWS + tile_row;
  let half = local / TILE_ROWS;  // gate or up when decoding, and which pairs to add up
  let own_pair = half * PAIRS_EACH;

  for (var done = 0u; done < count; done += TILE_PAIRS) {
    if (local < TILE_PAIRS && done + local < count) {
      pairs[local] = groups[2u * params.expert_count + first + done + local];
    }
    workgroupBarrier();
    // Zeros written out: Dawn (webgpu 0.6.2, Vulkan) keeps the last round's values of a loop's variable that has no initialiser, against the WGSL standard.
    var gate_sums = array<f32, 8>();
    var up_sums = array<f32, 8>();
    for (var block = 0u; block < block_count; block++) {
      var w = Block();
      if (row < params.row_count) {
        if (half == 0u) { w = read_block(GATE_CODEC, gate, row, block); } else { w = read_block(UP_CODEC, up, row, block); }
      }
      for (var i = 0u; i < 8u; i++) { weight_tile[(half * 8u + i) * TILE_ROWS + tile_row] = w[i]; }
      for (var i = local; i < TILE_PAIRS * 8u; i += 64u) {
        var x = vec4<f32>(0.0);
        if (done + i / 8u < count) {
          let token = pairs[i / 8u] / TOP_K;
          x = input[token * (params.input_stride / 4u) + block * 8u + i % 8u];
        }
        input_tile[i] = x;
      }
      workgroupBarrier();
      for (var quad = 0u; quad < 8u; quad++) {
        let g = weight_tile[quad * TILE_ROWS + tile_row];
        let u = weight_tile[(8u + quad) * TILE_ROWS + tile_row];
        for (var p = 0u; p < PAIRS_EACH; p++) {
          let x = input_tile[(own_pair + p) * 8u + quad];
          gate_sums[p] += dot(g, x);
          up_sums[p] += dot(u, x);
        }
      }
      workgroupBarrier();
    }
    for (var p = 0u; p < PAIRS_EACH; p++) {
      if (row < params.row_count && done + own_pair + p < count) {
        var gate_sum = gate_sums[p];
        var up_sum = up_sums[p];
        if (HAS_BIAS == 1u) {
          gate_sum += read_bias(slot * params.slot_words + params.gate_bias, row);
          up_sum += read_bias(slot * params.slot_words + params.up_bias, row);
        }
        output[pairs[own_pair + p] * params.output_stride + row] = gated(ACTIVATION, gate_sum, up_sum);
      }
    }
    workgroupBarrier();
  }
}
