// Q8_0: w = d q, q in -128..127; 8 words a group, four elements each, stored as
// q + 128: taking that off again is quicker than extending signs.
@group(0) @binding(0) var<storage, read> weight_words: array<u32>;
@group(0) @binding(1) var<storage, read> weight_scales: array<u32>;
const weight_group_words = 8u;
const weight_has_scale = true;
const weight_has_offset = false;
const weight_has_halves = false;

fn weight_bytes(word: u32) -> vec4f {
  return vec4f(((vec4i(bitcast<i32>(word)) >> vec4u(0u, 8u, 16u, 24u)) & vec4i(255)) - vec4i(128));
}

fn weight_octet(base: u32, octet: u32) -> Octet {
  return Octet(weight_bytes(weight_words[base + octet * 8u]), weight_bytes(weight_words[base + 32u + octet * 8u]));
}

// Two groups share a scale word.
fn weight_scale(tile: u32, lane: u32, group: u32, groups: u32) -> Scale {
  let pair = unpack2x16float(weight_scales[(tile * ((groups + 1u) / 2u) + group / 2u) * 8u + lane]);
  let d = select(pair.x, pair.y, (group & 1u) == 1u);
  return Scale(d, d, 0.0);
}
