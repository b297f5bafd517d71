// rope_cache: splits a token's query, key and value heads, applies RMSNorm to queries and keys (HEAD_NORM 1: each head by itself; 2: all heads of a token as one
//             row, as in OLMoE) and rotary position embedding (Su et al. 2021, arXiv 2104.09864; ROPE 1: column i turns with column i + rotary / 2, the pairing
//             of GPT-NeoX; 2: column 2i turns with 2i + 1, the pairing of the paper; 0: none), and writes queries to `query`, keys and values to the cache.
// One workgroup per (head, token); heads are numbered queries, keys, values. Angles come from a table made on the CPU. Accumulates in f32.
// Needs from lib: control, reduce (sum_lanes)

override WG_SIZE: u32 = 64u;
override HEAD_NORM: u32 = 0u;
override ROPE: u32 = 1u;

struct Params {
  head_count: u32,
  kv_head_count: u32,
  head_size: u32,      // at most 256
  rotary_size: u32,    // columns that turn, even, at most head_size
  input_stride: u32,   // floats between tokens in qkv
  query_stride: u32,   // floats between tokens in query
  norm_eps: f32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> qkv: array<f32>;                   // [token, query heads | key heads | value heads, column]
@group(0) @binding(3) var<storage, read> head_gain: array<f32>;             // [2, column] for HEAD_NORM 1, [head, column] of queries, then keys, for 2
@group(0) @binding(4) var<storage, read> rope_table: array<vec2<f32>>;      // [position, rotary / 2] = (cos, sin)
@group(0) @binding(5) var<storage, read_write> query: array<f32>;           // [token, head, column]
@group(0) @binding(6) var<storage, read_write> key_cache: array<f32>;       // [position, kv head, column]
@group(0) @binding(7) var<storage, read_write> value_cache: array<f32>;     // [position, kv head, column]

var<workgroup> partial: array<f32, WG_SIZE>;
var<workgroup> head_values: array<f32, 256>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let head = group.x;
  let token = group.y;
  let position = control.position + token;
  let size = params.head_size;
  let source = token * params.input_stride + head * size;
  let cache_row = position * params.kv_head_count * size;

  if (head >= params.head_count + params.kv_head_count) {
    let kv_head = head - params.head_count - params.kv_head_count;
    for (var c = local; c < size; c += WG_SIZE) { value_cache[cache_row + kv_head * size + c] = qkv[source + c]; }
    return;
  }

  let is_key = head >= params.head_count;
  for (var c = local; c < size; c += WG_SIZE) { head_values[c] = qkv[source + c]; }
  if (HEAD_NORM != 0u) {
    // The row that is normed together, and the place of its gain.
    var row_start = source;
    var row_size = size;
    var gain_start = select(0u, size, is_key);
    if (HEAD_NORM == 2u) {
      row_start = token * params.input_stride + select(0u, params.head_count * size, is_key);
      row_size = select(params.head_count, params.kv_head_count, is_key) * size;
      gain_start = head * size;
    }
    var squares = 0.0;
    for (var c = local; c < row_size; c += WG_SIZE) {
      let x = qkv[row_start + c];
      squares += x * x;
    }
    let scale = inverseSqrt(sum_lanes(squares, local, WG_SIZE) / f32(row_size) + params.norm_eps);
    for (var c = local; c < size; c += WG_SIZE) { head_values[c] = head_values[c] * head_gain[gain_start + c] * scale; }
  }
  workgroupBarrier();

  let half = params.rotary_size / 2u;
  for (var c = local; c < size; c += WG_SIZE) {
    var y = head_values[c];
    if (ROPE == 1u && c < params.rotary_size) {
      let turn = rope_table[position * half + c % half];
      if (c < half) {
        y = y * turn.x - head_values[c + half] * turn.y;
      } else {
        y = y * turn.x + head_values[c - half] * turn.y;
      }
    }
    if (ROPE == 2u && c < params.rotary_size) {
      let turn = rope_table[position * half + c / 2u];
      if (c % 2u == 0u) {
        y = y * turn.x - head_values[c + 1u] * turn.y;
      } else {
        y = y * turn.x + head_values[c - 1u] * turn.y;
      }
    }
    if (is_key) {
      key_cache[cache_row + (head - params.head_count) * size + c] = y;
    } else {
      query[token * params.query_stride + head * size + c] = y;
    }
  }
}
