// The tree of lib/reduce for four sums at a time: each component has the bits that sum_lanes would give it.
// Needs from the kernel: override WG_SIZE (a power of two); var<workgroup> partial_quads: array<vec4<f32>, WG_SIZE>

// Sums of `value` over each run of `width` neighbouring invocations (a power of two); every invocation of the run gets them.
fn sum_quads(value: vec4<f32>, local: u32, width: u32) -> vec4<f32> {
  partial_quads[local] = value;
  workgroupBarrier();
  for (var stride = width / 2u; stride > 0u; stride = stride / 2u) {
    if ((local & (width - 1u)) < stride) { partial_quads[local] += partial_quads[local + stride]; }
    workgroupBarrier();
  }
  let result = partial_quads[local & ~(width - 1u)];
  workgroupBarrier();
  return result;
}
