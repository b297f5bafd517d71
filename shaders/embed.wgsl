// embed: x[t, c] = scale * E[token[t], c], for the tokens whose row is in this shard of the embedding matrix.
// One workgroup per token; the invocations share its blocks. The padding of x stays zero because padded weights are zero.
// Needs from lib: control, weights

override WG_SIZE: u32 = 64u;
override CODEC: u32 = 0u;

struct Params {
  column_count: u32,
  output_stride: u32,  // floats
  first_row: u32,      // the shard holds rows [first_row, first_row + row_count)
  row_count: u32,
  base: u32,           // 16-byte words
  output_scale: f32,
}

@group(0) @binding(0) var<uniform> control: Control;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> tokens: array<u32>;              // [token]
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;  // [token, column / 4]

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (control.halted != 0u) { return; }
  let token = tokens[group.x];
  if (token < params.first_row || token >= params.first_row + params.row_count) { return; }
  let block_count = (params.column_count + 31u) / 32u;
  let matrix = Matrix(params.base, params.row_count, block_count);
  for (var block = local; block < block_count; block += WG_SIZE) {
    let w = read_block(CODEC, matrix, token - params.first_row, block);
    for (var i = 0u; i < 8u; i++) { output[group.x * (params.output_stride / 4u) + block * 8u + i] = w[i] * params.output_scale; }
  }
}
