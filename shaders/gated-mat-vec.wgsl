// output[c] = silu(gate · input[c]) * (up · input[c]) for the one to eight columns of a decode step: both products of a
// gated feed-forward in one sweep. The order of a sum is that of mat-vec.wgsl.
//
// Joined before: lib/step, lib/quant, and a snippet of quant/ with lib/weight twice: as `gate_` bound at 0 and 1, as
// `up_` bound at 2 and 3.
@group(0) @binding(4) var<uniform> shape: MatrixShape;
@group(0) @binding(5) var<storage, read> step: Step;
@group(0) @binding(6) var<storage, read> input: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> output: array<f32>;

override SLICES: u32 = 1;
override TILES: u32 = 8;
override COLUMNS: u32 = 1;
override THREADS: u32 = 64; // 8 * SLICES * TILES

// gate in x, up in y, for each column
struct Sums {
  s0: vec2f,
  s1: vec2f,
  s2: vec2f,
  s3: vec2f,
  s4: vec2f,
  s5: vec2f,
  s6: vec2f,
  s7: vec2f,
}

fn input_quad(column: u32, quad: u32) -> vec4f {
  return input[column * shape.quads + min(quad, shape.quads - 1u)];
}

fn load_inputs(column: u32, group: u32) -> Inputs {
  let quad = group * 8u;
  let x0 = input_quad(column, quad);
  let x1 = input_quad(column, quad + 1u);
  let x2 = input_quad(column, quad + 2u);
  let x3 = input_quad(column, quad + 3u);
  let x4 = input_quad(column, quad + 4u);
  let x5 = input_quad(column, quad + 5u);
  let x6 = input_quad(column, quad + 6u);
  let x7 = input_quad(column, quad + 7u);
  var sum = 0.0;
  if (gate_has_offset || up_has_offset) {
    sum = sum4(((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7)));
  }
  return Inputs(x0, x1, x2, x3, x4, x5, x6, x7, sum);
}

fn both(total: vec2f, gate: QuantGroup, up: QuantGroup, column: u32, group: u32) -> vec2f {
  let x = load_inputs(column, group);
  return vec2f(gate_dot(total.x, gate, x), up_dot(total.y, up, x));
}

fn sweep(tile: u32, lane: u32, slice: u32, column: u32) -> Sums {
  var s0 = vec2f();
  var s1 = vec2f();
  var s2 = vec2f();
  var s3 = vec2f();
  var s4 = vec2f();
  var s5 = vec2f();
  var s6 = vec2f();
  var s7 = vec2f();
  let tile0 = min(tile, shape.tiles - 1u);
  for (var group = slice; group < shape.groups; group += SLICES) {
    let gate = gate_group(tile0, lane, group, shape.groups);
    let up = up_group(tile0, lane, group, shape.groups);
    s0 = both(s0, gate, up, column, group);
    if (COLUMNS > 1u) {
      s1 = both(s1, gate, up, column + 1u, group);
    }
    if (COLUMNS > 2u) {
      s2 = both(s2, gate, up, column + 2u, group);
      s3 = both(s3, gate, up, column + 3u, group);
    }
    if (COLUMNS > 4u) {
      s4 = both(s4, gate, up, column + 4u, group);
      s5 = both(s5, gate, up, column + 5u, group);
      s6 = both(s6, gate, up, column + 6u, group);
      s7 = both(s7, gate, up, column + 7u, group);
    }
  }
  return Sums(s0, s1, s2, s3, s4, s5, s6, s7);
}

fn store(tile: u32, lane: u32, column: u32, sum: vec2f) {
  let row = tile * 8u + lane;
  if (row < shape.rows && column < step.columns) {
    output[column * shape.total_rows + shape.first_row + row] = silu(sum.x) * sum.y;
  }
}

@compute @workgroup_size(THREADS)
fn row_per_thread(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = (workgroup.y * workgroups.x + workgroup.x) * TILES + thread / 8u;
  let lane = thread % 8u;
  let column = workgroup.z * COLUMNS;
  if (tile >= shape.tiles || column >= step.columns) {
    return;
  }
  let sums = sweep(tile, lane, 0u, column);
  store(tile, lane, column, sums.s0);
  if (COLUMNS > 1u) {
    store(tile, lane, column + 1u, sums.s1);
  }
  if (COLUMNS > 2u) {
    store(tile, lane, column + 2u, sums.s2);
    store(tile, lane, column + 3u, sums.s3);
  }
  if (COLUMNS > 4u) {
    store(tile, lane, column + 4u, sums.s4);
    store(tile, lane, column + 5u, sums.s5);
    store(tile, lane, column + 6u, sums.s6);
    store(tile, lane, column + 7u, sums.s7);
  }
}

override PARTIALS: u32 = 64; // THREADS * COLUMNS
var<workgroup> partials: array<vec2f, PARTIALS>;

@compute @workgroup_size(THREADS)
fn sliced(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let lane = thread % 8u;
  let slice = (thread / 8u) % SLICES;
  let tile = (workgroup.y * workgroups.x + workgroup.x) * TILES + thread / (8u * SLICES);
  let column = workgroup.z * COLUMNS;
  let sums = sweep(tile, lane, slice, column);
  partials[thread] = sums.s0;
  if (COLUMNS > 1u) {
    partials[THREADS + thread] = sums.s1;
  }
  if (COLUMNS > 2u) {
    partials[2u * THREADS + thread] = sums.s2;
    partials[3u * THREADS + thread] = sums.s3;
  }
  if (COLUMNS > 4u) {
    partials[4u * THREADS + thread] = sums.s4;
    partials[5u * THREADS + thread] = sums.s5;
    partials[6u * THREADS + thread] = sums.s6;
    partials[7u * THREADS + thread] = sums.s7;
  }
  workgroupBarrier();
  for (var offset = slice; offset < COLUMNS; offset += SLICES) {
    let first = offset * THREADS + (thread / (8u * SLICES)) * 8u * SLICES + lane;
    var sum = partials[first];
    for (var other = 1u; other < SLICES; other++) {
      sum += partials[first + other * 8u];
    }
    store(tile, lane, column + offset, sum);
  }
}
