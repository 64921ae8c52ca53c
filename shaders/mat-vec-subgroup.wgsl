// Mat-vec with four neighbouring lanes a row: lane o of a quad takes octet o of every group, so that a lane reads one
// word and eight inputs, and the quad adds up by shuffles. Any subgroup size from four gives the same bits.
//
// Joined before: `enable subgroups;`, lib/step, lib/quant, a snippet of quant/, lib/weight, lib/linear.

// Quads that share a row.
override SLICES: u32 = 4;
override COLUMNS: u32 = 1;
override THREADS: u32 = 128; // 32 * SLICES
override PARTIALS: u32 = 32; // 8 * SLICES * COLUMNS
var<workgroup> partials: array<f32, PARTIALS>;

fn octet_dot(total: f32, w: Octet, scale: Scale, column: u32, quad: u32) -> f32 {
  let xa = input_quad(column, quad);
  let xb = input_quad(column, quad + 4u);
  var sum = fma(scale.low, sum4(w.a * xa), total);
  sum = fma(scale.high, sum4(w.b * xb), sum);
  if (weight_has_offset) {
    sum = fma(scale.offset, sum4(xa + xb), sum);
  }
  return sum;
}

fn add_quad(value: f32) -> f32 {
  let pair = value + subgroupShuffleXor(value, 1u);
  return pair + subgroupShuffleXor(pair, 2u);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = workgroup.y * workgroups.x + workgroup.x;
  let octet = thread % 4u;
  let lane = (thread / 4u) % 8u;
  let slice = thread / 32u;
  let column = workgroup.z * COLUMNS;
  let tile0 = min(tile, shape.tiles - 1u);
  var s0 = 0.0;
  var s1 = 0.0;
  var s2 = 0.0;
  var s3 = 0.0;
  var s4 = 0.0;
  var s5 = 0.0;
  var s6 = 0.0;
  var s7 = 0.0;
  for (var group = slice; group < shape.groups; group += SLICES) {
    let scale = weight_scale(tile0, lane, group, shape.groups);
    let w = weight_octet(weight_base(tile0, lane, group, shape.groups), octet);
    let quad = group * 8u + octet;
    s0 = octet_dot(s0, w, scale, column, quad);
    if (COLUMNS > 1u) {
      s1 = octet_dot(s1, w, scale, column + 1u, quad);
    }
    if (COLUMNS > 2u) {
      s2 = octet_dot(s2, w, scale, column + 2u, quad);
      s3 = octet_dot(s3, w, scale, column + 3u, quad);
    }
    if (COLUMNS > 4u) {
      s4 = octet_dot(s4, w, scale, column + 4u, quad);
      s5 = octet_dot(s5, w, scale, column + 5u, quad);
      s6 = octet_dot(s6, w, scale, column + 6u, quad);
      s7 = octet_dot(s7, w, scale, column + 7u, quad);
    }
  }
  s0 = add_quad(s0);
  if (COLUMNS > 1u) {
    s1 = add_quad(s1);
  }
  if (COLUMNS > 2u) {
    s2 = add_quad(s2);
    s3 = add_quad(s3);
  }
  if (COLUMNS > 4u) {
    s4 = add_quad(s4);
    s5 = add_quad(s5);
    s6 = add_quad(s6);
    s7 = add_quad(s7);
  }
  if (octet == 0u) {
    let mine = slice * 8u + lane;
    let stride = 8u * SLICES;
    partials[mine] = s0;
    if (COLUMNS > 1u) {
      partials[stride + mine] = s1;
    }
    if (COLUMNS > 2u) {
      partials[2u * stride + mine] = s2;
      partials[3u * stride + mine] = s3;
    }
    if (COLUMNS > 4u) {
      partials[4u * stride + mine] = s4;
      partials[5u * stride + mine] = s5;
      partials[6u * stride + mine] = s6;
      partials[7u * stride + mine] = s7;
    }
  }
  workgroupBarrier();
  // Thread t finishes row t % 8 of column t / 8.
  let offset = thread / 8u;
  if (offset < COLUMNS) {
    let first = offset * 8u * SLICES + thread % 8u;
    var sum = partials[first];
    for (var other = 1u; other < SLICES; other++) {
      sum += partials[first + other * 8u];
    }
    store(tile, thread % 8u, column + offset, sum);
  }
}
