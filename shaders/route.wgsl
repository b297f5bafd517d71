// route: m[t, :] = n(x[t, :]) (RMSNorm; a copy when NORM is 0, for x that is normed already); z[e] = dot(R[e, :], s[t, :]) (+ b[e]), where the score input s is m, or
//        another vector when HAS_SCORE_INPUT; p = softmax(z) or sigmoid(z); the TOP_K largest p (+ c[e] when HAS_SELECTION_BIAS, which moves the choice and not the
//        weight; DeepSeek-V3, arXiv 2412.19437), ties to the lowest index; weights p, or p / sum of the selected when RENORMALISE, times scale; then each expert's
//        slot from the slot table. With groups only experts of the best `group_keep` groups can be selected; a group's score is the sum of its GROUP_TOP best.
// In decode (HALTS) a missing expert makes the step a scout: the residual stream is kept in the second row of m (and s in the third), and the step goes on without
// the expert for at most `scout_reach` layers, so that their routes can be looked up as well. Then the halt flag is raised: all later work in the queue does nothing
// until the host has brought experts in.
// One workgroup per token. Router arithmetic is f32 throughout.
// Needs from lib: control, reduce (sum_lanes, max_lanes), reduce-quads (sum_quads), activation (sigmoid)

override WG_SIZE: u32 = 256u;
override LANES: u32 = 16u;         // invocations that share four experts' logits
override TOP_K: u32 = 4u;          // at most 16
override RENORMALISE: u32 = 1u;
override HALTS: u32 = 0u;
override NORM: u32 = 1u;
override ACTIVATE: u32 = 0u;           // 0 softmax, 1 sigmoid
override HAS_SCORE_INPUT: u32 = 0u;
override HAS_ROUTER_BIAS: u32 = 0u;
override HAS_SELECTION_BIAS: u32 = 0u;
override GROUP_TOP: u32 = 0u;          // 0: no groups

const MISSING = 0xffffffffu;
const LOWEST = -3.0e38;
const MAX_EXPERTS = 512u;

struct Params {
  column_count: u32,
  stride: u32,           // floats between tokens in x and m; the padding is zero
  expert_count: u32,     // at most 512
  layer: u32,
  slot_table_offset: u32,  // words: this layer's row
  routes_offset: u32,    // words: where this layer's routes start
  norm_eps: f32,
  weight_scale: f32,
  minimum_sum: f32,      // the sum that RENORMALISE divides by is at least this
  group_count: u32,      // divides expert_count
  group_keep: u32,
  last_layer: u32,
}

@group(0) @binding(0) var<storage, read_write> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> input: array<vec4<f32>>;           // [token, column / 4]
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;            // [column / 4]; when NORM is 0 the residual stream, to be kept
@group(0) @binding(4) var<storage, read> router: array<vec4<f32>>;          // [expert, stride / 4], then [2, ceil(expert / 4)]: bias of the score, bias of the selection
@group(0) @binding(5) var<storage, read> score_input: array<vec4<f32>>;     // [token, column / 4]; bound but unread without HAS_SCORE_INPUT
@group(0) @binding(6) var<storage, read> slot_table: array<u32>;            // [layer, expert] slot or MISSING
@group(0) @binding(7) var<storage, read_write> normed: array<vec4<f32>>;    // [token, column / 4]; with HALTS three rows: m, the residual stream kept, s kept
@group(0) @binding(8) var<storage, read_write> routes: array<u32>;          // [token, k] x { expert, slot, weight as bits }; words 0 to 3 and 7 are the record's

var<workgroup> partial: array<f32, WG_SIZE>;
var<workgroup> partial_quads: array<vec4<f32>, WG_SIZE>;
var<workgroup> scores: array<f32, MAX_EXPERTS>;         // what the selection goes by
var<workgroup> probabilities: array<f32, MAX_EXPERTS>;  // what the weights are made of
var<workgroup> group_scores: array<f32, MAX_EXPERTS>;
var<workgroup> is_halted: u32;
var<workgroup> is_first_miss: u32;
var<workgroup> selected: array<u32, 16>;
var<workgroup> selected_score: array<f32, 16>;

// One of the bias vectors behind the router's rows: 0 of the score, 1 of the selection.
fn bias_of(which: u32, expert: u32) -> f32 {
  let quads = params.stride / 4u;
  let row = params.expert_count * quads + which * ((params.expert_count + 3u) / 4u);
  return router[row + expert / 4u][expert % 4u];
}

fn normed_quad(base: u32, quad: u32, scale: f32) -> vec4<f32> {
  if (NORM == 1u) { return input[base + quad] * gain[quad] * scale; }
  return input[base + quad];
}

fn score_quad(base: u32, quad: u32, scale: f32) -> vec4<f32> {
  if (HAS_SCORE_INPUT == 1u) { return score_input[base + quad]; }
  return normed_quad(base, quad, scale);
}

// Puts the experts of all but the best groups out of reach.
fn keep_best_groups(local: u32) {
  let size = params.expert_count / params.group_count;
  for (var g = local; g < params.group_count; g += WG_SIZE) {
    var best = LOWEST;
    var second = LOWEST;
    for (var e = g * size; e < (g + 1u) * size; e++) {
      let score = scores[e];
      if (score > best) {
        second = best;
        best = score;
      } else {
        second = max(second, score);
      }
    }
    group_scores[g] = best + select(0.0, second, GROUP_TOP == 2u && size > 1u);
  }
  workgroupBarrier();
  for (var g = local; g < params.group_count; g += WG_SIZE) {
    // The groups before this one in the order of scores (ties: lowest index).
    var before = 0u;
    for (var other = 0u; other < params.group_count; other++) {
      let is_before = group_scores[other] > group_scores[g] || (group_scores[other] == group_scores[g] && other < g);
      before += select(0u, 1u, is_before);
    }
    if (before >= params.group_keep) {
      for (var e = g * size; e < (g + 1u) * size; e++) { scores[e] = LOWEST; }
    }
  }
  workgroupBarrier();
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (local == 0u) { is_halted = control.halted; }
  if (workgroupUniformLoad(&is_halted) != 0u) { return; }
  let token = group.x;
  let quads = params.stride / 4u;
  let base = token * quads;

  var scale = 1.0;
  if (NORM == 1u) {
    var squares = 0.0;
    for (var i = local; i < quads; i += WG_SIZE) {
      let x = input[base + i];
      squares += dot(x, x);
    }
    scale = inverseSqrt(sum_lanes(squares, local, WG_SIZE) / f32(params.column_count) + params.norm_eps);
  }
  for (var i = local; i < quads; i += WG_SIZE) { normed[base + i] = normed_quad(base, i, scale); }

  // Four experts at a time: with one workgroup, waiting for memory is all that this loop does.
  let lane = local % LANES;
  let experts_at_once = WG_SIZE / LANES;
  for (var first = 0u; first < params.expert_count; first += 4u * experts_at_once) {
    let expert = first + local / LANES + vec4<u32>(0u, 1u, 2u, 3u) * experts_at_once;
    let row = min(expert, vec4<u32>(params.expert_count - 1u)) * quads;
    var sums = vec4<f32>(0.0);
    for (var i = lane; i < quads; i += LANES) {
      let x = score_quad(base, i, scale);
      sums += vec4<f32>(dot(router[row.x + i], x), dot(router[row.y + i], x), dot(router[row.z + i], x), dot(router[row.w + i], x));
    }
    sums = sum_quads(sums, local, LANES);
    for (var i = lane; i < 4u; i += LANES) {
      if (expert[i] >= params.expert_count) { continue; }
      probabilities[expert[i]] = sums[i];
      if (HAS_ROUTER_BIAS == 1u) { probabilities[expert[i]] += bias_of(0u, expert[i]); }
    }
  }
  workgroupBarrier();

  if (ACTIVATE == 0u) {
    var highest = LOWEST;
    for (var e = local; e < params.expert_count; e += WG_SIZE) { highest = max(highest, probabilities[e]); }
    highest = max_lanes(highest, local, WG_SIZE);
    var total = 0.0;
    for (var e = local; e < params.expert_count; e += WG_SIZE) {
      let p = exp(probabilities[e] - highest);
      probabilities[e] = p;
      total += p;
    }
    total = sum_lanes(total, local, WG_SIZE);
    for (var e = local; e < params.expert_count; e += WG_SIZE) { probabilities[e] = probabilities[e] / total; }
  } else {
    for (var e = local; e < params.expert_count; e += WG_SIZE) { probabilities[e] = sigmoid(probabilities[e]); }
  }
  for (var e = local; e < params.expert_count; e += WG_SIZE) {
    var score = probabilities[e];
    if (HAS_SELECTION_BIAS == 1u) { score += bias_of(1u, e); }
    scores[e] = score;
  }
  workgroupBarrier();
  if (GROUP_TOP != 0u) { keep_best_groups(local); }

  // An expert's place is the number of those before it: larger scores, and equal ones of a lower index.
  for (var e = local; e < params.expert_count; e += WG_SIZE) {
    let score = scores[e];
    var place = 0u;
    for (var other = 0u; other < params.expert_count; other++) {
      place += select(0u, 1u, scores[other] > score || (scores[other] == score && other < e));
    }
    if (place < TOP_K) {
      selected[place] = e;
      selected_score[place] = probabilities[e];
    }
  }
  workgroupBarrier();

  if (local == 0u) {
    var weight_sum = 1.0;
    if (RENORMALISE == 1u) {
      weight_sum = 0.0;
      for (var k = 0u; k < TOP_K; k++) { weight_sum += selected_score[k]; }
      weight_sum = max(weight_sum, params.minimum_sum);
    }
    var is_missing = false;
    for (var k = 0u; k < TOP_K; k++) {
      let slot = slot_table[params.slot_table_offset + selected[k]];
      let at = params.routes_offset + (token * TOP_K + k) * 3u;
      routes[at] = selected[k];
      routes[at + 1u] = slot;
      routes[at + 2u] = bitcast<u32>(selected_score[k] / weight_sum * params.weight_scale);
      is_missing = is_missing || slot == MISSING;
    }
    is_first_miss = 0u;
    if (HALTS == 1u && is_missing && control.scouting == 0u) {
      is_first_miss = 1u;
      control.scouting = 1u;
      control.layer = params.layer;
      routes[0] = 1u;
      routes[1] = params.layer;
      routes[2] = control.step;
      routes[3] = control.position;
    }
    if (HALTS == 1u && control.scouting == 1u) {
      routes[7] = params.layer;
      if (params.layer == params.last_layer || params.layer - control.layer >= control.scout_reach) { control.halted = 1u; }
    }
  }
  workgroupBarrier();
  if (HALTS == 1u && is_first_miss == 1u) {
    for (var i = local; i < quads; i += WG_SIZE) {
      if (NORM == 1u) { normed[quads + i] = input[i]; } else { normed[quads + i] = gain[i]; }
      if (HAS_SCORE_INPUT == 1u) { normed[2u * quads + i] = score_input[i]; }
    }
  }
}
