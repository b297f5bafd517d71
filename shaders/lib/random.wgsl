// Random numbers as a function of seed and step. Same arithmetic as src/core/random.ts.
fn hash32(a: u32, b: u32) -> u32 {
  var h = (a * 0x9e3779b1u) ^ ((b + 0x7f4a7c15u) * 0x85ebca6bu);
  h = (h ^ (h >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  return h ^ (h >> 16u);
}

// Uniform in [0, 1) with 24 bits.
fn uniform_of(seed: u32, step: u32) -> f32 {
  return f32(hash32(seed, step) >> 8u) / 16777216.0;
}
