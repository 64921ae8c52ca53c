// output[c] = W · input[c] for a prefill chunk: a block of four rows by eight columns in registers, so that a
// dequantised weight serves eight columns. Every sum runs over its inputs in one order, whatever the chunk's length.
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight, lib/linear.

// Row tiles side by side in a workgroup; a thread's four rows lie in as many tile blocks.
override TILES: u32 = 4;
override THREADS: u32 = 32; // 8 * TILES

// Eight inputs' weights, four rows each.
struct Block {
  k0: vec4f,
  k1: vec4f,
  k2: vec4f,
  k3: vec4f,
  k4: vec4f,
  k5: vec4f,
  k6: vec4f,
  k7: vec4f,
}

fn transpose_rows(w0: Octet, w1: Octet, w2: Octet, w3: Octet) -> Block {
  return Block(
    vec4f(w0.a.x, w1.a.x, w2.a.x, w3.a.x),
    vec4f(w0.a.y, w1.a.y, w2.a.y, w3.a.y),
    vec4f(w0.a.z, w1.a.z, w2.a.z, w3.a.z),
    vec4f(w0.a.w, w1.a.w, w2.a.w, w3.a.w),
    vec4f(w0.b.x, w1.b.x, w2.b.x, w3.b.x),
    vec4f(w0.b.y, w1.b.y, w2.b.y, w3.b.y),
    vec4f(w0.b.z, w1.b.z, w2.b.z, w3.b.z),
    vec4f(w0.b.w, w1.b.w, w2.b.w, w3.b.w),
  );
}

fn multiply(total: vec4f, w: Block, column: u32, quad: u32) -> vec4f {
  let a = input_quad(column, quad);
  let b = input_quad(column, quad + 4u);
  var sum = fma(w.k0, vec4f(a.x), total);
  sum = fma(w.k1, vec4f(a.y), sum);
  sum = fma(w.k2, vec4f(a.z), sum);
  sum = fma(w.k3, vec4f(a.w), sum);
  sum = fma(w.k4, vec4f(b.x), sum);
  sum = fma(w.k5, vec4f(b.y), sum);
  sum = fma(w.k6, vec4f(b.z), sum);
  return fma(w.k7, vec4f(b.w), sum);
}

fn store_rows(tile: u32, lane: u32, column: u32, sums: vec4f) {
  store(tile, lane, column, sums.x);
  store(tile + TILES, lane, column, sums.y);
  store(tile + 2u * TILES, lane, column, sums.z);
  store(tile + 3u * TILES, lane, column, sums.w);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let lane = thread % 8u;
  let tile = (workgroup.y * workgroups.x + workgroup.x) * TILES * 4u + thread / 8u;
  let column = workgroup.z * 8u;
  if (tile >= shape.tiles || column >= step.columns) {
    return;
  }
  let last = shape.tiles - 1u;
  let tile1 = min(tile + TILES, last);
  let tile2 = min(tile + 2u * TILES, last);
  let tile3 = min(tile + 3u * TILES, last);
  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var c4 = vec4f();
  var c5 = vec4f();
  var c6 = vec4f();
  var c7 = vec4f();
  for (var group = 0u; group < shape.groups; group++) {
    let base0 = weight_base(tile, lane, group, shape.groups);
    let base1 = weight_base(tile1, lane, group, shape.groups);
    let base2 = weight_base(tile2, lane, group, shape.groups);
    let base3 = weight_base(tile3, lane, group, shape.groups);
    let scale0 = weight_scale(tile, lane, group, shape.groups);
    let scale1 = weight_scale(tile1, lane, group, shape.groups);
    let scale2 = weight_scale(tile2, lane, group, shape.groups);
    let scale3 = weight_scale(tile3, lane, group, shape.groups);
    for (var octet = 0u; octet < 4u; octet++) {
      let w = transpose_rows(
        weight_values(base0, octet, scale0),
        weight_values(base1, octet, scale1),
        weight_values(base2, octet, scale2),
        weight_values(base3, octet, scale3),
      );
      let quad = group * 8u + octet;
      c0 = multiply(c0, w, column, quad);
      c1 = multiply(c1, w, column + 1u, quad);
      c2 = multiply(c2, w, column + 2u, quad);
      c3 = multiply(c3, w, column + 3u, quad);
      c4 = multiply(c4, w, column + 4u, quad);
      c5 = multiply(c5, w, column + 5u, quad);
      c6 = multiply(c6, w, column + 6u, quad);
      c7 = multiply(c7, w, column + 7u, quad);
    }
  }
  store_rows(tile, lane, column, c0);
  store_rows(tile, lane, column + 1u, c1);
  store_rows(tile, lane, column + 2u, c2);
  store_rows(tile, lane, column + 3u, c3);
  store_rows(tile, lane, column + 4u, c4);
  store_rows(tile, lane, column + 5u, c5);
  store_rows(tile, lane, column + 6u, c6);
  store_rows(tile, lane, column + 7u, c7);
}
