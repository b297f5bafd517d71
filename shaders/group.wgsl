// group: sorts the (token, k) pairs of a batch by expert, keeping their order within an expert (counting sort). One workgroup.
// Output words: [expert] count, [expert] first index, then the pairs, pair = token * TOP_K + k.
// Needs from lib: control

override WG_SIZE: u32 = 64u;
override TOP_K: u32 = 4u;

struct Params {
  expert_count: u32,   // at most 512
  routes_offset: u32,  // words
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> routes: array<u32>;             // [token, k] x { expert, slot, weight }
@group(0) @binding(3) var<storage, read_write> groups: array<u32>;       // [expert] counts, [expert] firsts, [pair]

var<workgroup> counts: array<u32, 512>;
var<workgroup> firsts: array<u32, 512>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32) {
  if (control.halted != 0u) { return; }
  let pair_count = control.token_count * TOP_K;
  for (var e = local; e < params.expert_count; e += WG_SIZE) {
    var count = 0u;
    for (var p = 0u; p < pair_count; p++) { count += select(0u, 1u, routes[params.routes_offset + p * 3u] == e); }
    counts[e] = count;
  }
  workgroupBarrier();
  if (local == 0u) {
    var first = 0u;
    for (var e = 0u; e < params.expert_count; e++) {
      firsts[e] = first;
      first += counts[e];
    }
  }
  workgroupBarrier();
  for (var e = local; e < params.expert_count; e += WG_SIZE) {
    groups[e] = counts[e];
    groups[params.expert_count + e] = firsts[e];
    var at = 2u * params.expert_count + firsts[e];
    for (var p = 0u; p < pair_count; p++) {
      if (routes[params.routes_offset + p * 3u] == e) {
        groups[at] = p;
        at += 1u;
      }
    }
  }
}
