// Q4_0: w = d (q - 8), q in 0..15. 4 words a group, one octet each.
@group(0) @binding(0) var<storage, read> weight_words: array<u32>;
@group(0) @binding(1) var<storage, read> weight_scales: array<u32>;
const weight_group_words = 4u;
const weight_has_scale = true;
const weight_has_offset = false;
const weight_has_halves = false;

fn weight_octet(base: u32, octet: u32) -> Octet {
  let q = vec4i(bitcast<i32>(weight_words[base + octet * 8u]));
  return Octet(
    vec4f(((q >> vec4u(0u, 8u, 16u, 24u)) & vec4i(15)) - vec4i(8)),
    vec4f(((q >> vec4u(4u, 12u, 20u, 28u)) & vec4i(15)) - vec4i(8)),
  );
}

// Two groups share a scale word.
fn weight_scale(tile: u32, lane: u32, group: u32, groups: u32) -> Scale {
  let pair = unpack2x16float(weight_scales[(tile * ((groups + 1u) / 2u) + group / 2u) * 8u + lane]);
  let d = select(pair.x, pair.y, (group & 1u) == 1u);
  return Scale(d, d, 0.0);
}
