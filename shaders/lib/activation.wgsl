// Gated activations of expert FFNs: gated(kind, gate, up). Numbers as in src/core/activation.ts.

// SiLU, x * sigmoid(x). exp is kept from overflowing: below -80 the result is 0 in f32 anyway.
fn silu(x: f32) -> f32 {
  return x / (1.0 + exp(min(-x, 80.0)));
}

fn sigmoid(x: f32) -> f32 {
  return 1.0 / (1.0 + exp(min(-x, 80.0)));
}

// gpt-oss: gate * sigmoid(1.702 gate) * (up + 1), gate at most 7, up within 7.
fn clamped_swiglu(gate: f32, up: f32) -> f32 {
  let x = min(gate, 7.0);
  return x * sigmoid(1.702 * x) * (clamp(up, -7.0, 7.0) + 1.0);
}

// `kind` is an override constant at every call.
fn gated(kind: u32, gate: f32, up: f32) -> f32 {
  switch kind {
    case 1u: { return max(gate, 0.0) * up; }
    case 2u: { return clamped_swiglu(gate, up); }
    default: { return silu(gate) * up; }
  }
}
