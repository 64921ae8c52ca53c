// What follows from a block format's own functions. Joined after a snippet of shaders/quant/; a kernel with several
// matrices joins the pair once for each, with `weight_` and the bindings renamed.

// Words lie as [tile of 8 rows][group][word][row in tile], so neighbouring threads read neighbouring words.
fn weight_base(tile: u32, lane: u32, group: u32, groups: u32) -> u32 {
  return (tile * groups + group) * (weight_group_words * 8u) + lane;
}

// One octet, dequantised.
fn weight_values(base: u32, octet: u32, scale: Scale) -> Octet {
  let q = weight_octet(base, octet);
  if (weight_has_offset) {
    let offset = vec4f(scale.offset);
    return Octet(fma(q.a, vec4f(scale.low), offset), fma(q.b, vec4f(scale.high), offset));
  }
  if (weight_has_scale) {
    return Octet(q.a * scale.low, q.b * scale.high);
  }
  return q;
}

fn weight_group(tile: u32, lane: u32, group: u32, groups: u32) -> QuantGroup {
  let base = weight_base(tile, lane, group, groups);
  return QuantGroup(
    weight_octet(base, 0u),
    weight_octet(base, 1u),
    weight_octet(base, 2u),
    weight_octet(base, 3u),
    weight_scale(tile, lane, group, groups),
  );
}

// total + (group · inputs): integer quants first, then one multiplication by each scale.
fn weight_dot(total: f32, w: QuantGroup, x: Inputs) -> f32 {
  var low = w.q0.a * x.x0;
  low = fma(w.q1.a, x.x1, low);
  low = fma(w.q2.a, x.x2, low);
  low = fma(w.q3.a, x.x3, low);
  if (weight_has_halves) {
    var high = w.q0.b * x.x4;
    high = fma(w.q1.b, x.x5, high);
    high = fma(w.q2.b, x.x6, high);
    high = fma(w.q3.b, x.x7, high);
    return fma(w.scale.high, sum4(high), fma(w.scale.low, sum4(low), total));
  }
  low = fma(w.q0.b, x.x4, low);
  low = fma(w.q1.b, x.x5, low);
  low = fma(w.q2.b, x.x6, low);
  low = fma(w.q3.b, x.x7, low);
  let scaled = fma(w.scale.low, sum4(low), total);
  if (weight_has_offset) {
    return fma(w.scale.offset, x.sum, scaled);
  }
  return scaled;
}
