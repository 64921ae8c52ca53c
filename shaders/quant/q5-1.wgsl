// Q5_1: w = d q + m, q in 0..31; 4 words of low nibbles a group, one octet each, and one of high bits.
@group(0) @binding(0) var<storage, read> weight_words: array<u32>;
@group(0) @binding(1) var<storage, read> weight_scales: array<u32>;
const weight_group_words = 5u;
const weight_has_scale = true;
const weight_has_offset = true;
const weight_has_halves = false;

// The fifth word holds the high bit of element e at bit e.
fn weight_high_bits(bits: i32) -> vec4i {
  return vec4i(bits << 4u, bits << 3u, bits << 2u, bits << 1u) & vec4i(16);
}

fn weight_octet(base: u32, octet: u32) -> Octet {
  let q = vec4i(bitcast<i32>(weight_words[base + octet * 8u]));
  let high = bitcast<i32>(weight_words[base + 32u] >> (octet * 4u));
  return Octet(
    vec4f((((q >> vec4u(0u, 8u, 16u, 24u)) & vec4i(15)) | weight_high_bits(high))),
    vec4f((((q >> vec4u(4u, 12u, 20u, 28u)) & vec4i(15)) | weight_high_bits(high >> 16u))),
  );
}

fn weight_scale(tile: u32, lane: u32, group: u32, groups: u32) -> Scale {
  let d = unpack2x16float(weight_scales[(tile * groups + group) * 8u + lane]);
  return Scale(d.x, d.x, d.y);
}
