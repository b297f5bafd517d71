// TQ1_0: for each superblock of 256 columns 48 bytes of five ternary digits each, 4 bytes of four digits each, f16 scale. w = scale * (digit - 1).
// A byte is the ternary fraction 0.d0d1d2d3d4 * 256, rounded up: multiplied by 3^n, digit n is what passes the point next.
// Digit n of bytes 0-31 is block n, for n < 5; digit n of bytes 32-47 are columns 160 + 16n and up; digit n of the 4 bytes are columns 240 + 4n and up.

fn digit_quad(bytes: u32, power: u32) -> vec4<u32> {
  return (((unpack4xU8(bytes) * power) & vec4<u32>(0xffu)) * 3u) >> vec4<u32>(8u);
}

fn read_tq1_0(matrix: Matrix, row: u32, block: u32) -> Block {
  let index = row * matrix.block_count + block;
  let super_count = matrix.row_count * matrix.block_count / 8u;
  let super_index = index >> 3u;
  let four_base = matrix.base + super_count * 3u;
  let scale = read_half(four_base + words_of(super_count * 4u), super_index);
  let at = matrix.base + super_index * 3u;
  let sub = index & 7u;
  var powers = array<u32, 5>(1u, 3u, 9u, 27u, 81u);
  var low: vec4<u32>;
  var high: vec4<u32>;
  var low_power: u32;
  var high_powers: vec4<u32>;
  if (sub < 5u) {
    low = weights[at];
    high = weights[at + 1u];
    low_power = powers[sub];
    high_powers = vec4<u32>(low_power);
  } else {
    low = weights[at + 2u];
    low_power = powers[sub * 2u - 10u];
    if (sub < 7u) {
      high = low;
      high_powers = vec4<u32>(low_power * 3u);
    } else {
      high = vec4<u32>(read_u32(four_base, super_index));
      high_powers = vec4<u32>(1u, 3u, 9u, 27u);
    }
  }
  return Block(
    scale * (vec4<f32>(digit_quad(low.x, low_power)) - 1.0), scale * (vec4<f32>(digit_quad(low.y, low_power)) - 1.0),
    scale * (vec4<f32>(digit_quad(low.z, low_power)) - 1.0), scale * (vec4<f32>(digit_quad(low.w, low_power)) - 1.0),
    scale * (vec4<f32>(digit_quad(high.x, high_powers.x)) - 1.0), scale * (vec4<f32>(digit_quad(high.y, high_powers.y)) - 1.0),
    scale * (vec4<f32>(digit_quad(high.z, high_powers.z)) - 1.0), scale * (vec4<f32>(digit_quad(high.w, high_powers.w)) - 1.0),
  );
}
