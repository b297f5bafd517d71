// attention: o[t, h, :] = sum_p softmax_p(q[t, h, :] . k[p, g, :] / sqrt(head_size)) v[p, g, :] over p <= position of t; g = h / (heads per kv head)
// One workgroup per (head, token). Goes through the context in tiles of WG_SIZE positions with the running maximum of online softmax
// (Milakov and Gimelshein 2018, arXiv 1805.02867), so the context length costs no memory. Accumulates in f32.
// Needs from lib: control, reduce (sum_lanes, max_lanes)

override WG_SIZE: u32 = 64u;

// Finite, so that no comparison ever meets an infinity: below every score that f32 arithmetic gives here.
const LOWEST = -3.0e38;

struct Params {
  head_count: u32,
  kv_head_count: u32,
  head_size: u32,      // at most 256, a multiple of 4
  stride: u32,         // floats between tokens in query and output
  scale: f32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> query: array<vec4<f32>>;         // [token, head, column / 4]
@group(0) @binding(3) var<storage, read> key_cache: array<vec4<f32>>;     // [position, kv head, column / 4]
@group(0) @binding(4) var<storage, read> value_cache: array<f32>;         // [position, kv head, column]
@group(0) @binding(5) var<storage, read_write> output: array<f32>;        // [token, head, column]

var<workgroup> partial: array<f32, WG_SIZE>;
var<workgroup> shared_query: array<vec4<f32>, 64>;
var<workgroup> tile_weights: array<f32, WG_SIZE>;
var<workgroup> accumulator: array<f32, 256>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let head = group.x;
  let token = group.y;
  let kv_head = head / (params.head_count / params.kv_head_count);
  let size = params.head_size;
  let quads = size / 4u;
  let context = control.position + token + 1u;
  let cache_stride = params.kv_head_count * size;

  for (var c = local; c < quads; c += WG_SIZE) { shared_query[c] = query[token * (params.stride / 4u) + head * quads + c]; }
  for (var c = local; c < size; c += WG_SIZE) { accumulator[c] = 0.0; }
  workgroupBarrier();

  var running_max = LOWEST;
  var running_sum = 0.0;
  for (var tile = 0u; tile < context; tile += WG_SIZE) {
    let position = tile + local;
    var score = LOWEST;
    if (position < context) {
      score = 0.0;
      let key_row = (position * cache_stride + kv_head * size) / 4u;
      for (var c = 0u; c < quads; c++) { score += dot(shared_query[c], key_cache[key_row + c]); }
      score *= params.scale;
    }
    let tile_max = max(running_max, max_lanes(score, local, WG_SIZE));
    let weight = select(0.0, exp(score - tile_max), position < context);
    tile_weights[local] = weight;
    let tile_sum = sum_lanes(weight, local, WG_SIZE);
    let correction = exp(running_max - tile_max);
    running_sum = running_sum * correction + tile_sum;
    running_max = tile_max;

    let in_tile = min(WG_SIZE, context - tile);
    for (var c = local; c < size; c += WG_SIZE) {
      var sum = accumulator[c] * correction;
      for (var p = 0u; p < in_tile; p++) {
        sum += tile_weights[p] * value_cache[(tile + p) * cache_stride + kv_head * size + c];
      }
      accumulator[c] = sum;
    }
    workgroupBarrier();
  }
  for (var c = local; c < size; c += WG_SIZE) {
    output[token * params.stride + head * size + c] = accumulator[c] / running_sum;
  }
}
