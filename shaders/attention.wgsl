// attention: o[t, h, :] = sum_p softmax_p(q[t, h, :] . k[p, g, :] * scale) v[p, g, :] over p <= position of t; g = h / (heads per kv head)
// With a window only the last `window` positions are seen. With HAS_SINKS each head has one more score that takes part in the softmax and has no value (gpt-oss).
// One workgroup per (head, token). Goes through the context in tiles of WG_SIZE positions with the running maximum of online softmax
// (Milakov and Gimelshein 2018, arXiv 1805.02867), so the context length costs no memory. An invocation has one position of a tile for the scores, and four columns
// of every so-manieth position for the values. Both loops load four times before they use anything: with few workgroups, waiting for memory is all they do.
// Accumulates in f32.
// Needs from lib: control, reduce (sum_lanes, max_lanes)

override WG_SIZE: u32 = 64u;       // at least value_size / 4
override HAS_SINKS: u32 = 0u;

// Finite, so that no comparison ever meets an infinity: below every score that f32 arithmetic gives here.
const LOWEST = -3.0e38;

struct Params {
  head_count: u32,
  kv_head_count: u32,
  head_size: u32,      // at most 256, a multiple of 4
  stride: u32,         // floats between tokens in query
  scale: f32,
  value_size: u32,     // columns of a value head, at most 256, a multiple of 4
  output_stride: u32,  // floats between tokens in output
  window: u32,         // positions that a token sees, itself included; 0: all before it
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> query: array<vec4<f32>>;         // [token, head, column / 4]
@group(0) @binding(3) var<storage, read> key_cache: array<vec4<f32>>;     // [position, kv head, column / 4]
@group(0) @binding(4) var<storage, read> value_cache: array<vec4<f32>>;   // [position, kv head, column / 4]
@group(0) @binding(5) var<storage, read> sinks: array<f32>;               // [head]; bound but unread without HAS_SINKS
@group(0) @binding(6) var<storage, read_write> output: array<f32>;        // [token, head, column]

var<workgroup> partial: array<f32, WG_SIZE>;
var<workgroup> shared_query: array<vec4<f32>, 64>;
var<workgroup> tile_weights: array<f32, WG_SIZE>;
var<workgroup> group_sums: array<vec4<f32>, WG_SIZE>;

// The part of a score that four quads of the row `key` give; past the end of the row the query is zero.
fn score_of_four(key: u32, column: u32, quads: u32) -> f32 {
  let a = key_cache[key + column];
  let b = key_cache[key + min(column + 1u, quads - 1u)];
  let c = key_cache[key + min(column + 2u, quads - 1u)];
  let d = key_cache[key + min(column + 3u, quads - 1u)];
  return (dot(shared_query[column], a) + dot(shared_query[column + 1u], b)) + (dot(shared_query[column + 2u], c) + dot(shared_query[column + 3u], d));
}

fn weight_of(position: u32, in_tile: u32) -> f32 {
  return select(0.0, tile_weights[min(position, WG_SIZE - 1u)], position < in_tile);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let head = group.x;
  let token = group.y;
  let kv_head = head / (params.head_count / params.kv_head_count);
  let size = params.head_size;
  let quads = size / 4u;
  let context = control.position + token + 1u;
  let key_stride = params.kv_head_count * size;
  let value_quads = params.value_size / 4u;
  let value_stride = params.kv_head_count * value_quads;
  let group_count = WG_SIZE / value_quads;
  let own_group = local / value_quads;
  let has_values = own_group < group_count;
  let value_start = kv_head * value_quads + local % value_quads;
  // Tiles begin at multiples of WG_SIZE whatever the window, so that a token's sums are in the same order however it came here.
  var oldest = 0u;
  if (params.window != 0u && context > params.window) { oldest = context - params.window; }

  for (var c = local; c < (quads + 3u) / 4u * 4u; c += WG_SIZE) {
    shared_query[c] = vec4<f32>(0.0);
    if (c < quads) { shared_query[c] = query[token * (params.stride / 4u) + head * quads + c]; }
  }
  workgroupBarrier();
  var mixed = vec4<f32>(0.0);

  var running_max = LOWEST;
  var running_sum = 0.0;
  if (HAS_SINKS == 1u) {
    running_max = sinks[head];
    running_sum = 1.0;
  }
  for (var tile = oldest / WG_SIZE * WG_SIZE; tile < context; tile += WG_SIZE) {
    let position = tile + local;
    var score = LOWEST;
    let is_seen = position >= oldest && position < context;
    if (is_seen) {
      score = 0.0;
      let key_row = (position * key_stride + kv_head * size) / 4u;
      for (var c = 0u; c < quads; c += 4u) { score += score_of_four(key_row, c, quads); }
      score *= params.scale;
    }
    let tile_max = max(running_max, max_lanes(score, local, WG_SIZE));
    let weight = select(0.0, exp(score - tile_max), is_seen);
    tile_weights[local] = weight;
    let tile_sum = sum_lanes(weight, local, WG_SIZE);
    let correction = exp(running_max - tile_max);
    running_sum = running_sum * correction + tile_sum;
    running_max = tile_max;

    if (has_values) {
      let in_tile = min(WG_SIZE, context - tile);
      let first = tile * value_stride + value_start;
      mixed *= correction;
      let last = in_tile - 1u;
      for (var p = own_group; p < in_tile; p += 4u * group_count) {
        let p1 = p + group_count;
        let p2 = p1 + group_count;
        let p3 = p2 + group_count;
        let a = value_cache[first + p * value_stride];
        let b = value_cache[first + min(p1, last) * value_stride];
        let c = value_cache[first + min(p2, last) * value_stride];
        let d = value_cache[first + min(p3, last) * value_stride];
        mixed += (tile_weights[p] * a + weight_of(p1, in_tile) * b) + (weight_of(p2, in_tile) * c + weight_of(p3, in_tile) * d);
      }
    }
    workgroupBarrier();
  }
  group_sums[local] = mixed;
  workgroupBarrier();
  if (local < value_quads) {
    var sum = group_sums[local];
    for (var g = 1u; g < group_count; g++) { sum += group_sums[g * value_quads + local]; }
    let result = sum / running_sum;
    let at = token * params.output_stride + head * params.value_size + local * 4u;
    for (var i = 0u; i < 4u; i++) { output[at + i] = result[i]; }
  }
}
