// output[c] = W · input[c] for a prefill chunk: a block of eight rows by eight columns in registers, so that a
// dequantised weight serves eight columns. Every sum runs over its inputs in one order, whatever the chunk's length.
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight, lib/linear.

// Row tiles side by side in a workgroup; a thread's eight rows lie in as many tile blocks.
override TILES: u32 = 1;
override THREADS: u32 = 8; // 8 * TILES

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

// Eight rows of one column.
struct Sums {
  low: vec4f,
  high: vec4f,
}

fn multiply(total: Sums, low: Block, high: Block, column: u32, quad: u32) -> Sums {
  let a = input_quad(column, quad);
  let b = input_quad(column, quad + 4u);
  return Sums(dot_rows(total.low, low, a, b), dot_rows(total.high, high, a, b));
}

fn dot_rows(total: vec4f, w: Block, a: vec4f, b: vec4f) -> vec4f {
  var sum = fma(w.k0, vec4f(a.x), total);
  sum = fma(w.k1, vec4f(a.y), sum);
  sum = fma(w.k2, vec4f(a.z), sum);
  sum = fma(w.k3, vec4f(a.w), sum);
  sum = fma(w.k4, vec4f(b.x), sum);
  sum = fma(w.k5, vec4f(b.y), sum);
  sum = fma(w.k6, vec4f(b.z), sum);
  return fma(w.k7, vec4f(b.w), sum);
}

fn store_rows(tile: u32, lane: u32, column: u32, sums: Sums) {
  store(tile, lane, column, sums.low.x);
  store(tile + TILES, lane, column, sums.low.y);
  store(tile + 2u * TILES, lane, column, sums.low.z);
  store(tile + 3u * TILES, lane, column, sums.low.w);
  store(tile + 4u * TILES, lane, column, sums.high.x);
  store(tile + 5u * TILES, lane, column, sums.high.y);
  store(tile + 6u * TILES, lane, column, sums.high.z);
  store(tile + 7u * TILES, lane, column, sums.high.w);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let lane = thread % 8u;
  let tile = (workgroup.y * workgroups.x + workgroup.x) * TILES * 8u + thread / 8u;
  let column = workgroup.z * 8u;
  if (tile >= shape.tiles || column >= step.columns) {
    return;
  }
  // Rows past the end repeat the last tile and are not stored.
  let last = shape.tiles - 1u;
  let tile1 = min(tile + 1u * TILES, last);
  let tile2 = min(tile + 2u * TILES, last);
  let tile3 = min(tile + 3u * TILES, last);
  let tile4 = min(tile + 4u * TILES, last);
  let tile5 = min(tile + 5u * TILES, last);
  let tile6 = min(tile + 6u * TILES, last);
  let tile7 = min(tile + 7u * TILES, last);
  var c0 = Sums();
  var c1 = Sums();
  var c2 = Sums();
  var c3 = Sums();
  var c4 = Sums();
  var c5 = Sums();
  var c6 = Sums();
  var c7 = Sums();
  for (var group = 0u; group < shape.groups; group++) {
    let base0 = weight_base(tile, lane, group, shape.groups);
    let base1 = weight_base(tile1, lane, group, shape.groups);
    let base2 = weight_base(tile2, lane, group, shape.groups);
    let base3 = weight_base(tile3, lane, group, shape.groups);
    let base4 = weight_base(tile4, lane, group, shape.groups);
    let base5 = weight_base(tile5, lane, group, shape.groups);
    let base6 = weight_base(tile6, lane, group, shape.groups);
    let base7 = weight_base(tile7, lane, group, shape.groups);
    let scale0 = weight_scale(tile, lane, group, shape.groups);
    let scale1 = weight_scale(tile1, lane, group, shape.groups);
    let scale2 = weight_scale(tile2, lane, group, shape.groups);
    let scale3 = weight_scale(tile3, lane, group, shape.groups);
    let scale4 = weight_scale(tile4, lane, group, shape.groups);
    let scale5 = weight_scale(tile5, lane, group, shape.groups);
    let scale6 = weight_scale(tile6, lane, group, shape.groups);
    let scale7 = weight_scale(tile7, lane, group, shape.groups);
    for (var octet = 0u; octet < 4u; octet++) {
      let low = transpose_rows(
        weight_values(base0, octet, scale0),
        weight_values(base1, octet, scale1),
        weight_values(base2, octet, scale2),
        weight_values(base3, octet, scale3),
      );
      let high = transpose_rows(
        weight_values(base4, octet, scale4),
        weight_values(base5, octet, scale5),
        weight_values(base6, octet, scale6),
        weight_values(base7, octet, scale7),
      );
      let quad = group * 8u + octet;
      c0 = multiply(c0, low, high, column, quad);
      c1 = multiply(c1, low, high, column + 1u, quad);
      c2 = multiply(c2, low, high, column + 2u, quad);
      c3 = multiply(c3, low, high, column + 3u, quad);
      c4 = multiply(c4, low, high, column + 4u, quad);
      c5 = multiply(c5, low, high, column + 5u, quad);
      c6 = multiply(c6, low, high, column + 6u, quad);
      c7 = multiply(c7, low, high, column + 7u, quad);
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
