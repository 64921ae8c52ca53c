// F16: 16 words a group, two elements each. No scales: the binding is a placeholder.
@group(0) @binding(0) var<storage, read> weight_words: array<u32>;
@group(0) @binding(1) var<storage, read> weight_scales: array<u32>;
const weight_group_words = 16u;
const weight_has_scale = false;
const weight_has_offset = false;
const weight_has_halves = false;

fn weight_octet(base: u32, octet: u32) -> Octet {
  let a = base + octet * 16u;
  let b = a + 64u;
  return Octet(
    vec4f(unpack2x16float(weight_words[a]), unpack2x16float(weight_words[a + 8u])),
    vec4f(unpack2x16float(weight_words[b]), unpack2x16float(weight_words[b + 8u])),
  );
}

fn weight_scale(tile: u32, lane: u32, group: u32, groups: u32) -> Scale {
  return Scale(1.0, 1.0, 0.0);
}
