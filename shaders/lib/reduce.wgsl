// Tree reductions over a workgroup. The order depends on sizes only, so the same inputs give the same bits.
// Needs from the kernel: override WG_SIZE (a power of two); var<workgroup> partial: array<f32, WG_SIZE>

// Sum of `value` over each run of `width` neighbouring invocations (a power of two); every invocation of the run gets it.
fn sum_lanes(value: f32, local: u32, width: u32) -> f32 {
  partial[local] = value;
  workgroupBarrier();
  for (var stride = width / 2u; stride > 0u; stride = stride / 2u) {
    if ((local & (width - 1u)) < stride) { partial[local] += partial[local + stride]; }
    workgroupBarrier();
  }
  let result = partial[local & ~(width - 1u)];
  workgroupBarrier();
  return result;
}

fn max_lanes(value: f32, local: u32, width: u32) -> f32 {
  partial[local] = value;
  workgroupBarrier();
  for (var stride = width / 2u; stride > 0u; stride = stride / 2u) {
    if ((local & (width - 1u)) < stride) { partial[local] = max(partial[local], partial[local + stride]); }
    workgroupBarrier();
  }
  let result = partial[local & ~(width - 1u)];
  workgroupBarrier();
  return result;
}
