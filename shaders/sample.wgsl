// sample: draws the next token from the logits and moves the control block to the next step. One workgroup.
// In this order: repetition penalty (Keskar et al. 2019, arXiv 1909.05858: logits of tokens in the context are divided by it when positive, multiplied when
// negative), temperature, top-k, top-p (Holtzman et al. 2019, arXiv 1904.09751: the fewest best tokens whose probability reaches p, among those left), min-p
// (Nguyen et al. 2024, arXiv 2407.01082: probability at least p times the best). Tokens that tie at a cut are kept. Temperature 0 takes the best (ties: lowest id).
//
// Cuts are thresholds on the logit, found by bisection over the bits of an order-preserving integer, so nothing is sorted. Only the best tokens matter to them,
// so it is not the vocabulary that is bisected but a list of candidates: the tokens at most `reach` below the best, in order of ids. Whether a threshold is low
// enough is told by what is above it, so the list gives the same threshold as the vocabulary
//   for top-k once it holds k tokens, and then for top-p as well, whose target is a share of what top-k left;
//   for top-p without top-k once its mass reaches the target, a share of the mass of the vocabulary.
// The reach is doubled until then, from FIRST_REACH to LAST_REACH, which always will do: the best has the mass 1, and all tokens of a vocabulary that are further
// below have less than 2^22 * exp(-32) < 2^-24 together, which is lost in the rounding of any sum that the best is part of.
// Min-p alone has its reach, -log(p). Where nothing is cut, nothing is listed, and the draw goes over the vocabulary.
// Needs from lib: control, random (uniform_of)

override WG_SIZE: u32 = 256u;

const LOWEST = -3.0e38;
const PADDING = -3.4e38;      // stands for what is behind the vocabulary: below every logit
const FIRST_REACH = 8.0;      // tokens with at least 0.03 % of the probability of the best
const LAST_REACH = 32.0;
const MAX_STOP_TOKENS = 16u;

struct Params {
  vocabulary_size: u32,
}

struct Sampling {
  temperature: f32,
  top_p: f32,
  min_p: f32,
  repetition_penalty: f32,
  top_k: u32,          // 0: all
  seed: u32,
  stop_count: u32,
  reserved: u32,
  stop_tokens: array<u32, 16>,
}

@group(0) @binding(0) var<storage, read_write> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> sampling: Sampling;
@group(0) @binding(3) var<storage, read> logits: array<vec4<f32>>;            // [ceil(token id / 4)]; what pads the last quad is not looked at
@group(0) @binding(4) var<storage, read_write> seen: array<vec4<u32>>;        // [ceil(token id / 4)] 1: in the context; padded alike
@group(0) @binding(5) var<storage, read_write> tokens: array<u32>;            // word 0: the token that the next step embeds
@group(0) @binding(6) var<storage, read_write> record: array<u32>;            // halted, layer, step, position, token fed, token drawn, log-probability as bits
@group(0) @binding(7) var<storage, read_write> candidates: array<vec2<u32>>;  // [vocabulary] x { token id, scaled logit as bits }; scratch, in order of ids

var<workgroup> partial: array<vec2<f32>, WG_SIZE>;
var<workgroup> indices: array<u32, WG_SIZE>;
var<workgroup> is_halted: u32;
var<workgroup> chosen: u32;

fn quad_count() -> u32 {
  return (params.vocabulary_size + 3u) / 4u;
}

fn is_token(quad: u32) -> vec4<bool> {
  return 4u * quad + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.vocabulary_size);
}

fn raw_quad(quad: u32) -> vec4<f32> {
  return select(vec4<f32>(PADDING), logits[quad], is_token(quad));
}

// With penalty and temperature.
fn scaled_quad(quad: u32) -> vec4<f32> {
  var z = logits[quad];
  if (sampling.repetition_penalty != 1.0) {
    let penalised = select(z * sampling.repetition_penalty, z / sampling.repetition_penalty, z > vec4<f32>(0.0));
    z = select(z, penalised, seen[quad] != vec4<u32>(0u));
  }
  if (sampling.temperature > 0.0) { z = z / sampling.temperature; }
  return select(vec4<f32>(PADDING), clamp(z, vec4<f32>(LOWEST), vec4<f32>(-LOWEST)), is_token(quad));
}

fn sum_of(quad: vec4<f32>) -> f32 {
  return dot(quad, vec4<f32>(1.0));
}

// u32 in the order of the floats; the zeros tie.
fn key_of(value: f32) -> u32 {
  let bits = bitcast<u32>(select(value, 0.0, value == 0.0));
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

// Sum over the workgroup; uniform, so that loops with barriers may depend on it.
fn uniform_sum(value: vec2<f32>, local: u32) -> vec2<f32> {
  partial[local] = value;
  workgroupBarrier();
  for (var stride = WG_SIZE / 2u; stride > 0u; stride = stride / 2u) {
    if (local < stride) { partial[local] += partial[local + stride]; }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&partial[0]);
}

// Sum over the invocations before this one.
fn sum_before(value: u32, local: u32) -> u32 {
  indices[local] = value;
  workgroupBarrier();
  for (var stride = 1u; stride < WG_SIZE; stride = stride * 2u) {
    let before = select(0u, indices[max(local, stride) - stride], local >= stride);
    workgroupBarrier();
    indices[local] += before;
    workgroupBarrier();
  }
  return indices[local] - value;
}

// The highest of each half of `value`. Of the first half also the token, in `chosen` (ties: lowest id).
fn choose_best(value: vec2<f32>, token: u32, local: u32) -> vec2<f32> {
  partial[local] = value;
  indices[local] = token;
  workgroupBarrier();
  for (var stride = WG_SIZE / 2u; stride > 0u; stride = stride / 2u) {
    if (local < stride) {
      let own = partial[local];
      let other = partial[local + stride];
      let other_token = indices[local + stride];
      if (other.x > own.x || (other.x == own.x && other_token < indices[local])) { indices[local] = other_token; }
      partial[local] = max(own, other);
    }
    workgroupBarrier();
  }
  if (local == 0u) { chosen = indices[0]; }
  return workgroupUniformLoad(&partial[0]);
}

// The quads whose candidates this invocation counts and lists: first and end of a run of ids, so that the list is in their order.
fn run_of(local: u32) -> vec2<u32> {
  let length = (quad_count() + WG_SIZE - 1u) / WG_SIZE;
  return min(vec2<u32>(local, local + 1u) * length, vec2<u32>(quad_count()));
}

// Number and mass of this invocation's candidates.
fn count_candidates(floor: f32, highest: f32, local: u32) -> vec2<f32> {
  var count = vec4<f32>(0.0);
  var mass = vec4<f32>(0.0);
  let run = run_of(local);
  for (var quad = run.x; quad < run.y; quad++) {
    let z = scaled_quad(quad);
    let is_in = z >= vec4<f32>(floor);
    count += select(vec4<f32>(0.0), vec4<f32>(1.0), is_in);
    mass += select(vec4<f32>(0.0), exp(z - highest), is_in);
  }
  return vec2<f32>(sum_of(count), sum_of(mass));
}

fn list_candidates(floor: f32, own_count: u32, local: u32) {
  var at = sum_before(own_count, local);
  let run = run_of(local);
  for (var quad = run.x; quad < run.y; quad++) {
    let z = scaled_quad(quad);
    for (var i = 0u; i < 4u; i++) {
      if (z[i] >= floor) {
        candidates[at] = vec2<u32>(4u * quad + i, bitcast<u32>(z[i]));
        at += 1u;
      }
    }
  }
  storageBarrier();
}

// 1 and exp(z - highest), what a candidate adds to number and mass; zeros below the threshold.
fn share_of(candidate: vec2<u32>, low: u32, highest: f32) -> vec2<f32> {
  let z = bitcast<f32>(candidate.y);
  return select(vec2<f32>(0.0), vec2<f32>(1.0, exp(z - highest)), key_of(z) >= low);
}

// How many top-k leaves; 0 when it leaves all.
fn top_k() -> u32 {
  return select(0u, sampling.top_k, sampling.top_k < params.vocabulary_size);
}

fn has_top_p() -> bool {
  return sampling.top_p < 1.0;
}

struct Kept {
  low: u32,    // key of the threshold
  count: u32,  // candidates, also those below it
}

// Lists the candidates and finds the threshold. `total` is the mass of the vocabulary.
fn list_and_cut(highest: f32, total: f32, local: u32) -> Kept {
  // Min-p alone says itself how far down its candidates are.
  let is_min_p_alone = top_k() == 0u && !has_top_p();
  var reach = FIRST_REACH;
  if (is_min_p_alone) { reach = max(0.0, -log(sampling.min_p)); }
  var own = vec2<f32>(0.0);
  var found = vec2<f32>(0.0);
  loop {
    own = count_candidates(highest - reach, highest, local);
    found = uniform_sum(own, local);
    let is_enough = select(found.y >= sampling.top_p * total, found.x >= f32(top_k()), top_k() > 0u);
    if (is_enough || is_min_p_alone || reach >= LAST_REACH) { break; }
    reach = reach * 2.0;
  }
  list_candidates(highest - reach, u32(own.x), local);

  // Each cut finds the largest key from which on the candidates reach a target: top-k by their number, top-p by their mass.
  let count = u32(found.x);
  let top_key = key_of(highest);
  var low = key_of(highest - reach);
  var kept_mass = select(total, found.y, top_k() > 0u);
  for (var by = 0u; by < 2u; by++) {
    let target_share = vec2<f32>(f32(top_k()), sampling.top_p * kept_mass)[by];
    var high = select(low, top_key, select(top_k() > 0u, has_top_p(), by == 1u));
    while (low < high) {
      let middle = low + (high - low + 1u) / 2u;
      var own_share = vec2<f32>(0.0);
      for (var i = local; i < count; i += WG_SIZE) { own_share += share_of(candidates[i], middle, highest); }
      let share = uniform_sum(own_share, local);
      if (share[by] >= target_share) {
        low = middle;
        kept_mass = share.y;
      } else {
        high = middle - 1u;
      }
    }
  }
  if (sampling.min_p > 0.0) { low = max(low, min(top_key, key_of(highest + log(sampling.min_p)))); }
  return Kept(low, count);
}

// Of the list, or of the vocabulary as it is.
fn candidate_at(index: u32, is_listed: bool) -> vec2<u32> {
  if (is_listed) { return candidates[index]; }
  return vec2<u32>(index, bitcast<u32>(scaled_quad(index / 4u)[index % 4u]));
}

// Each invocation owns a run of candidates; the first finds the run, and then the token, in which the cumulative mass passes the drawn one.
fn draw(kept: Kept, is_listed: bool, highest: f32, local: u32) {
  let run = (kept.count + WG_SIZE - 1u) / WG_SIZE;
  var own_share = vec2<f32>(0.0);
  for (var i = local * run; i < min((local + 1u) * run, kept.count); i++) { own_share += share_of(candidate_at(i, is_listed), kept.low, highest); }
  partial[local] = own_share;
  workgroupBarrier();
  if (local == 0u) {
    var total = 0.0;
    for (var i = 0u; i < WG_SIZE; i++) { total += partial[i].y; }
    let target_mass = uniform_of(sampling.seed, control.step) * total;
    var passed = 0.0;
    var owner = 0u;
    while (owner < WG_SIZE - 1u && passed + partial[owner].y <= target_mass) {
      passed += partial[owner].y;
      owner += 1u;
    }
    for (var i = owner * run; i < min((owner + 1u) * run, kept.count); i++) {
      let candidate = candidate_at(i, is_listed);
      let share = share_of(candidate, kept.low, highest);
      if (share.x == 0.0) { continue; }
      chosen = candidate.x;
      passed += share.y;
      if (passed > target_mass) { break; }
    }
  }
  workgroupBarrier();
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32) {
  if (local == 0u) { is_halted = control.halted; }
  if (workgroupUniformLoad(&is_halted) != 0u) { return; }

  // The best token (ties: lowest id), and the highest of the untouched logits.
  var best = vec4<f32>(PADDING);
  var best_quad = vec4<u32>(0u);
  var best_raw = vec4<f32>(PADDING);
  for (var quad = local; quad < quad_count(); quad += WG_SIZE) {
    let z = scaled_quad(quad);
    best_quad = select(best_quad, vec4<u32>(quad), z > best);
    best = select(best, z, z > best);
    best_raw = max(best_raw, raw_quad(quad));
  }
  var own_best = best.x;
  var own_token = 4u * best_quad.x;
  for (var i = 1u; i < 4u; i++) {
    let token = 4u * best_quad[i] + i;
    if (best[i] > own_best || (best[i] == own_best && token < own_token)) {
      own_best = best[i];
      own_token = token;
    }
  }
  let own_raw = max(max(best_raw.x, best_raw.y), max(best_raw.z, best_raw.w));
  let bests = choose_best(vec2<f32>(own_best, own_raw), own_token, local);
  let highest = bests.x;
  let highest_raw = bests.y;

  // Of the untouched logits the normaliser for the log-probability, of the scaled ones the mass.
  let is_drawn = sampling.temperature > 0.0;
  var raw_mass = vec4<f32>(0.0);
  var mass = vec4<f32>(0.0);
  for (var quad = local; quad < quad_count(); quad += WG_SIZE) {
    raw_mass += exp(raw_quad(quad) - highest_raw);
    if (is_drawn) { mass += exp(scaled_quad(quad) - highest); }
  }
  let totals = uniform_sum(vec2<f32>(sum_of(raw_mass), sum_of(mass)), local);
  if (is_drawn) {
    let is_listed = top_k() > 0u || has_top_p() || sampling.min_p > 0.0;
    var kept = Kept(0u, params.vocabulary_size);
    if (is_listed) { kept = list_and_cut(highest, totals.y, local); }
    draw(kept, is_listed, highest, local);
  }

  if (local != 0u) { return; }
  record[1] = 0u;
  record[2] = control.step;
  record[3] = control.position;
  record[4] = tokens[0];
  record[5] = chosen;
  record[6] = bitcast<u32>(logits[chosen / 4u][chosen % 4u] - highest_raw - log(totals.x));
  var halted = 0u;
  for (var i = 0u; i < min(sampling.stop_count, MAX_STOP_TOKENS); i++) {
    if (sampling.stop_tokens[i] == chosen) { halted = 2u; }
  }
  record[0] = halted;
  tokens[0] = chosen;
  seen[chosen / 4u][chosen % 4u] = 1u;
  control.halted = halted;
  control.position += control.token_count;
  control.token_count = 1u;
  control.step += 1u;
}
