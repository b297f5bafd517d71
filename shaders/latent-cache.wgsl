// latent_cache: the heads of multi-head latent attention (DeepSeek-V2, arXiv 2405.04434). A query or key head is a part without position and a part that
//               turns (ROPE as in rope_cache); the turning part of the key is one for all heads. Writes queries to `query`, keys and values to the cache.
// One workgroup per (head, token). Angles come from a table made on the CPU.
// Needs from lib: control

override WG_SIZE: u32 = 64u;
override ROPE: u32 = 2u;

struct Params {
  head_count: u32,
  plain_size: u32,      // columns of a head without position
  rotary_size: u32,     // columns of a head that turn, even
  value_size: u32,      // columns of a value head
  query_in_stride: u32, // floats between tokens in query_in
  expanded_stride: u32, // floats between tokens in expanded
  rotary_stride: u32,   // floats between tokens in key_rotary
  query_stride: u32,    // floats between tokens in query
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> query_in: array<f32>;              // [token, head, plain | rotary]
@group(0) @binding(3) var<storage, read> expanded: array<f32>;              // [token, head, plain key | value]
@group(0) @binding(4) var<storage, read> key_rotary: array<f32>;            // [token, rotary]
@group(0) @binding(5) var<storage, read> rope_table: array<vec2<f32>>;      // [position, rotary / 2] = (cos, sin)
@group(0) @binding(6) var<storage, read_write> query: array<f32>;           // [token, head, plain | rotary]
@group(0) @binding(7) var<storage, read_write> key_cache: array<f32>;       // [position, head, plain | rotary]
@group(0) @binding(8) var<storage, read_write> value_cache: array<f32>;     // [position, head, column]

// The columns that turn together and their places after the first, for column i of the turning part.
fn partner(i: u32) -> u32 {
  let half = params.rotary_size / 2u;
  if (ROPE == 2u) { return i ^ 1u; }
  return select(i - half, i + half, i < half);
}

fn turn(position: u32, i: u32, x: f32, other: f32) -> f32 {
  let half = params.rotary_size / 2u;
  var angle = rope_table[position * half + i % half];
  var is_first = i < half;
  if (ROPE == 2u) {
    angle = rope_table[position * half + i / 2u];
    is_first = i % 2u == 0u;
  }
  return select(x * angle.x + other * angle.y, x * angle.x - other * angle.y, is_first);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let head = group.x;
  let token = group.y;
  let position = control.position + token;
  let size = params.plain_size + params.rotary_size;
  let expanded_size = params.plain_size + params.value_size;
  let from_query = token * params.query_in_stride + head * size;
  let from_expanded = token * params.expanded_stride + head * expanded_size;
  let to_query = token * params.query_stride + head * size;
  let to_key = (position * params.head_count + head) * size;
  for (var c = local; c < params.plain_size; c += WG_SIZE) {
    query[to_query + c] = query_in[from_query + c];
    key_cache[to_key + c] = expanded[from_expanded + c];
  }
  for (var i = local; i < params.rotary_size; i += WG_SIZE) {
    let q = from_query + params.plain_size;
    let k = token * params.rotary_stride;
    query[to_query + params.plain_size + i] = turn(position, i, query_in[q + i], query_in[q + partner(i)]);
    key_cache[to_key + params.plain_size + i] = turn(position, i, key_rotary[k + i], key_rotary[k + partner(i)]);
  }
  for (var c = local; c < params.value_size; c += WG_SIZE) {
    value_cache[(position * params.head_count + head) * params.value_size + c] = expanded[from_expanded + params.plain_size + c];
  }
}
