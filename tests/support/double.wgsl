// x[i] = 2 x[i], to see that the adapter computes at all
@group(0) @binding(0) var<storage, read_write> x: array<f32>; // [4]

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  x[id.x] = 2.0 * x[id.x];
}
