// sample: draws the next token from the logits and moves the control block to the next step. One workgroup.
// In this order: repetition penalty (Keskar et al. 2019, arXiv 1909.05858: logits of tokens in the context are divided by it when positive, multiplied when
// negative), temperature, top-k, top-p (Holtzman et al. 2019, arXiv 1904.09751: the fewest best tokens whose probability reaches p, among those left), min-p
// (Nguyen et al. 2024, arXiv 2407.01082: probability at least p times the best). Tokens that tie at a cut are kept. Temperature 0 takes the best (ties: lowest id).
// Cuts are thresholds on the logit, found by bisection over the bits of an order-preserving integer, so nothing is sorted.
// Needs from lib: control, reduce (sum_lanes, max_lanes), random (uniform_of)

override WG_SIZE: u32 = 256u;

const LOWEST = -3.0e38;
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
@group(0) @binding(3) var<storage, read> logits: array<f32>;              // [token id]
@group(0) @binding(4) var<storage, read_write> seen: array<u32>;          // [token id] 1: in the context
@group(0) @binding(5) var<storage, read_write> tokens: array<u32>;        // word 0: the token that the next step embeds
@group(0) @binding(6) var<storage, read_write> record: array<u32>;        // halted, layer, step, position, token fed, token drawn, log-probability as bits

var<workgroup> partial: array<f32, WG_SIZE>;
var<workgroup> candidates: array<u32, WG_SIZE>;
var<workgroup> is_halted: u32;
var<workgroup> chosen: u32;

fn scaled_logit(token: u32) -> f32 {
  var z = logits[token];
  if (seen[token] != 0u) { z = select(z * sampling.repetition_penalty, z / sampling.repetition_penalty, z > 0.0); }
  if (sampling.temperature > 0.0) { z = z / sampling.temperature; }
  return clamp(z, LOWEST, -LOWEST);
}

// u32 in the order of the floats, and back.
fn key_of(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

// Sum over tokens with key >= low of 1 (WEIGHTED 0) or of exp(z - highest).
fn mass_from(low: u32, highest: f32, weighted: bool, local: u32) -> f32 {
  var mass = 0.0;
  for (var t = local; t < params.vocabulary_size; t += WG_SIZE) {
    let z = scaled_logit(t);
    if (key_of(z) >= low) { mass += select(1.0, exp(z - highest), weighted); }
  }
  return sum_lanes(mass, local, WG_SIZE);
}

// The largest key, at least `floor_key`, from which on the mass reaches `target_mass`.
fn cut(floor_key: u32, top_key: u32, target_mass: f32, highest: f32, weighted: bool, local: u32) -> u32 {
  var low = floor_key;
  var high = top_key;
  for (var i = 0u; i < 32u; i++) {
    let middle = low + (high - low + 1u) / 2u;
    let mass = mass_from(middle, highest, weighted, local);
    if (low < high) {
      if (mass >= target_mass) { low = middle; } else { high = middle - 1u; }
    }
  }
  return low;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32) {
  if (local == 0u) { is_halted = control.halted; }
  if (workgroupUniformLoad(&is_halted) != 0u) { return; }

  // The best token (ties: lowest id) and, of the untouched logits, the normaliser for the log-probability.
  var best = LOWEST;
  var best_token = 0u;
  var highest_raw = LOWEST;
  for (var t = local; t < params.vocabulary_size; t += WG_SIZE) {
    let z = scaled_logit(t);
    if (z > best) {
      best = z;
      best_token = t;
    }
    highest_raw = max(highest_raw, logits[t]);
  }
  highest_raw = max_lanes(highest_raw, local, WG_SIZE);
  var raw_total = 0.0;
  for (var t = local; t < params.vocabulary_size; t += WG_SIZE) { raw_total += exp(logits[t] - highest_raw); }
  raw_total = sum_lanes(raw_total, local, WG_SIZE);

  partial[local] = best;
  candidates[local] = best_token;
  workgroupBarrier();
  for (var stride = WG_SIZE / 2u; stride > 0u; stride = stride / 2u) {
    if (local < stride) {
      let other = partial[local + stride];
      if (other > partial[local] || (other == partial[local] && candidates[local + stride] < candidates[local])) {
        partial[local] = other;
        candidates[local] = candidates[local + stride];
      }
    }
    workgroupBarrier();
  }
  let highest = partial[0];
  if (local == 0u) { chosen = candidates[0]; }
  workgroupBarrier();

  if (sampling.temperature > 0.0) {
    let top_key = key_of(highest);
    var low = 0u;
    if (sampling.top_k > 0u && sampling.top_k < params.vocabulary_size) { low = cut(0u, top_key, f32(sampling.top_k), highest, false, local); }
    if (sampling.top_p < 1.0) { low = cut(low, top_key, sampling.top_p * mass_from(low, highest, true, local), highest, true, local); }
    if (sampling.min_p > 0.0) { low = max(low, min(top_key, key_of(highest + log(sampling.min_p)))); }

    // Each invocation owns a run of ids; the first finds the run, and then the id, in which the cumulative mass passes the drawn one.
    let run = (params.vocabulary_size + WG_SIZE - 1u) / WG_SIZE;
    let first = local * run;
    var mass = 0.0;
    for (var t = first; t < min(first + run, params.vocabulary_size); t++) {
      let z = scaled_logit(t);
      if (key_of(z) >= low) { mass += exp(z - highest); }
    }
    partial[local] = mass;
    workgroupBarrier();
    if (local == 0u) {
      var total = 0.0;
      for (var i = 0u; i < WG_SIZE; i++) { total += partial[i]; }
      let target_mass = uniform_of(sampling.seed, control.step) * total;
      var passed = 0.0;
      var owner = 0u;
      while (owner < WG_SIZE - 1u && passed + partial[owner] <= target_mass) {
        passed += partial[owner];
        owner += 1u;
      }
      for (var t = owner * run; t < min(owner * run + run, params.vocabulary_size); t++) {
        let z = scaled_logit(t);
        if (key_of(z) < low) { continue; }
        chosen = t;
        passed += exp(z - highest);
        if (passed > target_mass) { break; }
      }
    }
    workgroupBarrier();
  }

  if (local != 0u) { return; }
  record[1] = 0u;
  record[2] = control.step;
  record[3] = control.position;
  record[4] = tokens[0];
  record[5] = chosen;
  record[6] = bitcast<u32>(logits[chosen] - highest_raw - log(raw_total));
  var halted = 0u;
  for (var i = 0u; i < min(sampling.stop_count, MAX_STOP_TOKENS); i++) {
    if (sampling.stop_tokens[i] == chosen) { halted = 2u; }
  }
  record[0] = halted;
  tokens[0] = chosen;
  seen[chosen] = 1u;
  control.halted = halted;
  control.position += control.token_count;
  control.token_count = 1u;
  control.step += 1u;
}
