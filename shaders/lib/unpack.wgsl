// Fields of packed weights (layout: src/core/packed-weights.ts) and what the codecs make of them. `base` is where a region starts, in 16-byte words.
// Quants travel as two vec4<u32>, columns 0–15 and 16–31 of a block: a component holds four neighbouring columns, one in each byte.
// Needs from the kernel: var<storage, read> weights: array<vec4<u32>>

fn read_u32(base: u32, index: u32) -> u32 {
  return weights[base + (index >> 2u)][index & 3u];
}

fn read_u16(base: u32, index: u32) -> u32 {
  return (read_u32(base, index >> 1u) >> ((index & 1u) * 16u)) & 0xffffu;
}

fn read_u8(base: u32, index: u32) -> u32 {
  return (read_u32(base, index >> 2u) >> ((index & 3u) * 8u)) & 0xffu;
}

// Eight bytes.
fn read_pair(base: u32, index: u32) -> vec2<u32> {
  let word = weights[base + (index >> 1u)];
  return select(word.xy, word.zw, (index & 1u) == 1u);
}

fn read_half(base: u32, index: u32) -> f32 {
  let pair = unpack2x16float(read_u32(base, index >> 1u));
  return select(pair.x, pair.y, (index & 1u) == 1u);
}

// 16-byte words of a region of `byte_count` bytes.
fn words_of(byte_count: u32) -> u32 {
  return (byte_count + 15u) / 16u;
}

struct Quants {
  low: vec4<u32>,
  high: vec4<u32>,
}

fn four_bits(word: vec4<u32>) -> Quants {
  return Quants(word & vec4<u32>(0x0f0f0f0fu), (word >> vec4<u32>(4u)) & vec4<u32>(0x0f0f0f0fu));
}

fn two_bits(pair: vec2<u32>) -> Quants {
  let shifts = vec4<u32>(0u, 2u, 4u, 6u);
  return Quants((vec4<u32>(pair.x) >> shifts) & vec4<u32>(0x03030303u), (vec4<u32>(pair.y) >> shifts) & vec4<u32>(0x03030303u));
}

fn one_bit(word: u32) -> Quants {
  return Quants(
    (vec4<u32>(word) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(0x01010101u),
    (vec4<u32>(word) >> vec4<u32>(4u, 5u, 6u, 7u)) & vec4<u32>(0x01010101u),
  );
}

// The bits of `above` from bit `place` of each byte.
fn with_high_bits(quants: Quants, above: Quants, place: u32) -> Quants {
  return Quants(quants.low | (above.low << vec4<u32>(place)), quants.high | (above.high << vec4<u32>(place)));
}

fn quad_of(bytes: u32) -> vec4<f32> {
  return vec4<f32>(unpack4xU8(bytes));
}

// scale * (quant - zero), with a scale for either half of the block.
fn centred_block(quants: Quants, zero: f32, scale: vec2<f32>) -> Block {
  return Block(
    scale.x * (quad_of(quants.low.x) - zero), scale.x * (quad_of(quants.low.y) - zero),
    scale.x * (quad_of(quants.low.z) - zero), scale.x * (quad_of(quants.low.w) - zero),
    scale.y * (quad_of(quants.high.x) - zero), scale.y * (quad_of(quants.high.y) - zero),
    scale.y * (quad_of(quants.high.z) - zero), scale.y * (quad_of(quants.high.w) - zero),
  );
}

// scale * quant + least, with both for either half of the block.
fn raised_block(quants: Quants, scale: vec2<f32>, least: vec2<f32>) -> Block {
  return Block(
    scale.x * quad_of(quants.low.x) + least.x, scale.x * quad_of(quants.low.y) + least.x,
    scale.x * quad_of(quants.low.z) + least.x, scale.x * quad_of(quants.low.w) + least.x,
    scale.y * quad_of(quants.high.x) + least.y, scale.y * quad_of(quants.high.y) + least.y,
    scale.y * quad_of(quants.high.z) + least.y, scale.y * quad_of(quants.high.w) + least.y,
  );
}

// `table`: sixteen signed bytes; `places`: four numbers below 16, one in each byte. Selecting is cheaper than an array that is indexed at run time.
fn table_quad(table: vec4<u32>, places: u32) -> vec4<f32> {
  let place = unpack4xU8(places);
  let has_four = (place & vec4<u32>(4u)) != vec4<u32>(0u);
  let has_eight = (place & vec4<u32>(8u)) != vec4<u32>(0u);
  let words = select(
    select(vec4<u32>(table.x), vec4<u32>(table.y), has_four),
    select(vec4<u32>(table.z), vec4<u32>(table.w), has_four),
    has_eight,
  );
  let top = words << (vec4<u32>(24u) - (place & vec4<u32>(3u)) * 8u);
  return vec4<f32>(bitcast<vec4<i32>>(top) >> vec4<u32>(24u));
}

fn table_block(table: vec4<u32>, quants: Quants, scale: f32) -> Block {
  return Block(
    scale * table_quad(table, quants.low.x), scale * table_quad(table, quants.low.y),
    scale * table_quad(table, quants.low.z), scale * table_quad(table, quants.low.w),
    scale * table_quad(table, quants.high.x), scale * table_quad(table, quants.high.y),
    scale * table_quad(table, quants.high.z), scale * table_quad(table, quants.high.w),
  );
}

// Scale and minimum of one of a superblock's eight blocks, from the header that Q4_K and Q5_K have. Of blocks 0-3 they are the low six bits of bytes 4-7 and 8-11;
// the two bits above are the high bits of blocks 4-7, whose low bits are the halves of bytes 12-15.
fn k_scales(header: vec4<u32>, block: u32) -> vec2<f32> {
  let shift = vec2<u32>((block & 3u) * 8u);
  let six = (header.yz >> shift) & vec2<u32>(0x3fu);
  let high = (header.yz >> (shift + 6u)) & vec2<u32>(3u);
  let low = (header.ww >> (shift + vec2<u32>(0u, 4u))) & vec2<u32>(15u);
  return unpack2x16float(header.x) * vec2<f32>(select(six, low | (high << vec2<u32>(4u)), block >= 4u));
}

// The steps of IQ4_NL and IQ4_XS: -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113.
const IQ4_TABLE = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
