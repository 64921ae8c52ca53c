// Q6_K: w = (d scale) (q - 32), q in 0..63, a scale for each 16 elements; 4 words of low nibbles a group, one octet
// each, and two of high bit pairs, two octets each.
@group(0) @binding(0) var<storage, read> weight_words: array<u32>;
@group(0) @binding(1) var<storage, read> weight_scales: array<u32>;
const weight_group_words = 6u;
const weight_has_scale = true;
const weight_has_offset = false;
const weight_has_halves = true;

fn weight_octet(base: u32, octet: u32) -> Octet {
  let q = vec4i(bitcast<i32>(weight_words[base + octet * 8u]));
  let h = bitcast<i32>(weight_words[base + 32u + (octet / 2u) * 8u] >> ((octet & 1u) * 16u));
  let high_a = vec4i(h << 4u, h << 2u, h, h >> 2u) & vec4i(48);
  let high_b = vec4i(h >> 4u, h >> 6u, h >> 8u, h >> 10u) & vec4i(48);
  return Octet(
    vec4f((((q >> vec4u(0u, 8u, 16u, 24u)) & vec4i(15)) | high_a) - vec4i(32)),
    vec4f((((q >> vec4u(4u, 12u, 20u, 28u)) & vec4i(15)) | high_b) - vec4i(32)),
  );
}

// Five words a super-block of 256: d, then sixteen signed bytes.
fn weight_scale(tile: u32, lane: u32, group: u32, groups: u32) -> Scale {
  let base = (tile * (groups / 8u) + group / 8u) * 40u + lane;
  let d = unpack2x16float(weight_scales[base]).x;
  let inner = bitcast<i32>(weight_scales[base + 8u + ((group & 7u) / 2u) * 8u]);
  let pair = (vec2i(inner) << (vec2u(24u, 16u) - vec2u((group & 1u) * 16u))) >> vec2u(24u);
  return Scale(d * f32(pair.x), d * f32(pair.y), 0.0);
}
