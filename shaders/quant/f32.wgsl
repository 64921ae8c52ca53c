// F32: 32 words a group, one element each. No scales: the binding is a placeholder.
@group(0) @binding(0) var<storage, read> weight_words: array<u32>;
@group(0) @binding(1) var<storage, read> weight_scales: array<u32>;
const weight_group_words = 32u;
const weight_has_scale = false;
const weight_has_offset = false;
const weight_has_halves = false;

fn weight_octet(base: u32, octet: u32) -> Octet {
  let a = base + octet * 32u;
  let b = a + 128u;
  return Octet(
    bitcast<vec4f>(vec4u(weight_words[a], weight_words[a + 8u], weight_words[a + 16u], weight_words[a + 24u])),
    bitcast<vec4f>(vec4u(weight_words[b], weight_words[b + 8u], weight_words[b + 16u], weight_words[b + 24u])),
  );
}

fn weight_scale(tile: u32, lane: u32, group: u32, groups: u32) -> Scale {
  return Scale(1.0, 1.0, 0.0);
}
