// grouped_down: y[pair, r] = dot(D_e[r, :], a[pair, :]) (+ b_e[r]) for every (token, k) pair of each active expert e. Passes as in grouped_gate_up,
// tiles and steps as in mat_mul.
// Needs from lib: control, weights

override CODEC: u32 = 0u;
override HAS_BIAS: u32 = 0u;

const TILE_ROWS = 32u;
const TILE_PAIRS = 16u;
const PAIRS_EACH = 8u;
const STEP_BLOCKS = 2u;
const STEP_QUADS = 16u;

struct Params {
  column_count: u32,      // expert hidden size
  row_count: u32,         // hidden size
  expert_count: u32,
  slot_words: u32,        // 16-byte words from one slot to the next
  down_base: u32,         // within a slot, 16-byte words
  table_offset: u32,      // words: this layer's row in slot_table and active
  input_stride: u32,      // floats between pairs; the padding is zero
  output_stride: u32,     // floats between pairs
  down_bias: u32,         // within a slot, 16-byte words; unread without HAS_BIAS
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;       // slab: [slot, record]
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;         // a: [pair, column / 4]
@group(0) @binding(4) var<storage, read> groups: array<u32>;              // see group.wgsl
@group(0) @binding(5) var<storage, read> slot_table: array<u32>;          // [layer, expert]
@group(0) @binding(6) var<storage, read> active_experts: array<u32>;      // [layer, expert] 1: in this pass
@group(0) @binding(7) var<storage, read_write> output: array<f32>;        // y: [pair, row]

var<workgroup> weight_tile: array<vec4<f32>, 512>;  // [column / 4, row]
var<workgroup> input_tile: array<vec4<f32>, 256>;   // [pair, column / 4]
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
  let down = Matrix(slot * params.slot_words + params.down_base, params.row_count, block_count);
  let tile_row = local % TILE_ROWS;
  let row = group.x * TILE_ROWS + tile_row;
  let half = local / TILE_ROWS;  // which block of a step to decode, and which pairs to add up
  let own_pair = half * PAIRS_EACH;

  for (var done = 0u; done < count; done += TILE_PAIRS) {
    if (local < TILE_PAIRS && done + local < count) {
      pairs[local] = groups[2u * params.expert_count + first + done + local];
    }
    workgroupBarrier();
    // Zeros written out: Dawn (webgpu 0.6.2, Vulkan) keeps the last round's values of a loop's variable that has no initialiser, against the WGSL standard.
    var sums = array<f32, 8>();
    for (var step = 0u; step < block_count; step += STEP_BLOCKS) {
      let block = step + half;
      var w = Block();
      if (row < params.row_count && block < block_count) { w = read_block(CODEC, down, row, block); }
      for (var i = 0u; i < 8u; i++) { weight_tile[(half * 8u + i) * TILE_ROWS + tile_row] = w[i]; }
      for (var i = local; i < TILE_PAIRS * STEP_QUADS; i += 64u) {
        let pair = i / STEP_QUADS;
        let quad = step * 8u + i % STEP_QUADS;
        var a = vec4<f32>(0.0);
        if (done + pair < count && quad < block_count * 8u) { a = input[pairs[pair] * (params.input_stride / 4u) + quad]; }
        input_tile[i] = a;
      }
      workgroupBarrier();
      for (var quad = 0u; quad < STEP_QUADS; quad++) {
        let w = weight_tile[quad * TILE_ROWS + tile_row];
        for (var p = 0u; p < PAIRS_EACH; p++) { sums[p] += dot(w, input_tile[(own_pair + p) * STEP_QUADS + quad]); }
      }
      workgroupBarrier();
    }
    for (var p = 0u; p < PAIRS_EACH; p++) {
      if (row < params.row_count && done + own_pair + p < count) {
        var sum = sums[p];
        if (HAS_BIAS == 1u) { sum += read_bias(slot * params.slot_words + params.down_bias, row); }
        output[pairs[own_pair + p] * params.output_stride + row] = sum;
      }
    }
    workgroupBarrier();
  }
}
