// Gated activations of expert FFNs.

// SiLU, x * sigmoid(x). exp is kept from overflowing: below -80 the result is 0 in f32 anyway.
fn silu(x: f32) -> f32 {
  return x / (1.0 + exp(min(-x, 80.0)));
}
