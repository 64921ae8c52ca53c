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

// One octet for `weight_accumulate`: integer quants, scaled only where the halves of a group differ in scale.
fn weight_quants(base: u32, octet: u32, scale: Scale) -> Octet {
  let q = weight_octet(base, octet);
  if (weight_has_halves) {
    return Octet(q.a * scale.low, q.b * scale.high);
  }
  return q;
}

fn weight_accumulate(t: Partial, q: Octet, a: vec4f, b: vec4f) -> Partial {
  let products = fma(q.b, b, fma(q.a, a, t.products));
  if (weight_has_offset) {
    return Partial(products, t.inputs + (a + b));
  }
  return Partial(products, t.inputs);
}

// total + (group · inputs): one multiplication by each scale a group.
fn weight_finish(total: f32, t: Partial, scale: Scale) -> f32 {
  if (weight_has_halves) {
    return total + sum4(t.products);
  }
  let scaled = fma(scale.low, sum4(t.products), total);
  if (weight_has_offset) {
    return fma(scale.offset, sum4(t.inputs), scaled);
  }
  return scaled;
}
