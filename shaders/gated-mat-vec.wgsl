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
// Rows a thread takes, 1 or 2, each in its own tile block; 2 only when COLUMNS is 1.
override ROWS: u32 = 1;
override COLUMNS: u32 = 1;
override THREADS: u32 = 64; // 8 * SLICES * TILES

// gate in x, up in y, for each column, or for each row when COLUMNS is 1
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

// Both matrices' partial sums of one group.
struct Pair {
  gate: Partial,
  up: Partial,
}

fn accumulate_column(t: Pair, gate: Octet, up: Octet, column: u32, quad: u32) -> Pair {
  let a = input_quad(column, quad);
  let b = input_quad(column, quad + 4u);
  return Pair(gate_accumulate(t.gate, gate, a, b), up_accumulate(t.up, up, a, b));
}

fn finish(total: vec2f, t: Pair, gate: Scale, up: Scale) -> vec2f {
  return vec2f(gate_finish(total.x, t.gate, gate), up_finish(total.y, t.up, up));
}

// Up to two rows in one column, the octets written out.
struct Rows {
  first: Pair,
  second: Pair,
}

struct Places {
  gate0: u32,
  gate1: u32,
  up0: u32,
  up1: u32,
  gate_scale0: Scale,
  gate_scale1: Scale,
  up_scale0: Scale,
  up_scale1: Scale,
}

fn accumulate_rows(t: Rows, at: Places, octet: u32, column: u32, quad: u32) -> Rows {
  let a = input_quad(column, quad);
  let b = input_quad(column, quad + 4u);
  let first = Pair(
    gate_accumulate(t.first.gate, gate_quants(at.gate0, octet, at.gate_scale0), a, b),
    up_accumulate(t.first.up, up_quants(at.up0, octet, at.up_scale0), a, b),
  );
  if (ROWS == 1u) {
    return Rows(first, t.second);
  }
  return Rows(first, Pair(
    gate_accumulate(t.second.gate, gate_quants(at.gate1, octet, at.gate_scale1), a, b),
    up_accumulate(t.second.up, up_quants(at.up1, octet, at.up_scale1), a, b),
  ));
}

fn sweep_rows(tile: u32, lane: u32, slice: u32, column: u32) -> Sums {
  let tile0 = min(tile, shape.tiles - 1u);
  let tile1 = min(tile + TILES, shape.tiles - 1u);
  var at = Places();
  at.gate0 = gate_base(tile0, lane, slice, shape.groups);
  at.gate1 = gate_base(tile1, lane, slice, shape.groups);
  at.up0 = up_base(tile0, lane, slice, shape.groups);
  at.up1 = up_base(tile1, lane, slice, shape.groups);
  var s0 = vec2f();
  var s1 = vec2f();
  for (var group = slice; group < shape.groups; group += SLICES) {
    at.gate_scale0 = gate_scale(tile0, lane, group, shape.groups);
    at.up_scale0 = up_scale(tile0, lane, group, shape.groups);
    if (ROWS > 1u) {
      at.gate_scale1 = gate_scale(tile1, lane, group, shape.groups);
      at.up_scale1 = up_scale(tile1, lane, group, shape.groups);
    }
    let quad = group * 8u;
    var rows = accumulate_rows(Rows(), at, 0u, column, quad);
    rows = accumulate_rows(rows, at, 1u, column, quad + 1u);
    rows = accumulate_rows(rows, at, 2u, column, quad + 2u);
    rows = accumulate_rows(rows, at, 3u, column, quad + 3u);
    s0 = finish(s0, rows.first, at.gate_scale0, at.up_scale0);
    if (ROWS > 1u) {
      s1 = finish(s1, rows.second, at.gate_scale1, at.up_scale1);
    }
    at.gate0 += SLICES * gate_group_words * 8u;
    at.gate1 += SLICES * gate_group_words * 8u;
    at.up0 += SLICES * up_group_words * 8u;
    at.up1 += SLICES * up_group_words * 8u;
  }
  return Sums(s0, s1, vec2f(), vec2f(), vec2f(), vec2f(), vec2f(), vec2f());
}

fn sweep_columns(tile: u32, lane: u32, slice: u32, column: u32) -> Sums {
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
    let gate_at = gate_base(tile0, lane, group, shape.groups);
    let up_at = up_base(tile0, lane, group, shape.groups);
    let gate_by = gate_scale(tile0, lane, group, shape.groups);
    let up_by = up_scale(tile0, lane, group, shape.groups);
    var p0 = Pair();
    var p1 = Pair();
    var p2 = Pair();
    var p3 = Pair();
    var p4 = Pair();
    var p5 = Pair();
    var p6 = Pair();
    var p7 = Pair();
    for (var octet = 0u; octet < 4u; octet++) {
      let quad = group * 8u + octet;
      let gate = gate_quants(gate_at, octet, gate_by);
      let up = up_quants(up_at, octet, up_by);
      p0 = accumulate_column(p0, gate, up, column, quad);
      p1 = accumulate_column(p1, gate, up, column + 1u, quad);
      if (COLUMNS > 2u) {
        p2 = accumulate_column(p2, gate, up, column + 2u, quad);
        p3 = accumulate_column(p3, gate, up, column + 3u, quad);
      }
      if (COLUMNS > 4u) {
        p4 = accumulate_column(p4, gate, up, column + 4u, quad);
        p5 = accumulate_column(p5, gate, up, column + 5u, quad);
        p6 = accumulate_column(p6, gate, up, column + 6u, quad);
        p7 = accumulate_column(p7, gate, up, column + 7u, quad);
      }
    }
    s0 = finish(s0, p0, gate_by, up_by);
    s1 = finish(s1, p1, gate_by, up_by);
    if (COLUMNS > 2u) {
      s2 = finish(s2, p2, gate_by, up_by);
      s3 = finish(s3, p3, gate_by, up_by);
    }
    if (COLUMNS > 4u) {
      s4 = finish(s4, p4, gate_by, up_by);
      s5 = finish(s5, p5, gate_by, up_by);
      s6 = finish(s6, p6, gate_by, up_by);
      s7 = finish(s7, p7, gate_by, up_by);
    }
  }
  return Sums(s0, s1, s2, s3, s4, s5, s6, s7);
}

fn sweep(tile: u32, lane: u32, slice: u32, column: u32) -> Sums {
  if (COLUMNS == 1u) {
    return sweep_rows(tile, lane, slice, column);
  }
  return sweep_columns(tile, lane, slice, column);
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
  let tile = (workgroup.y * workgroups.x + workgroup.x) * TILES * ROWS + thread / 8u;
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
  if (ROWS > 1u) {
    store(tile + TILES, lane, column, sums.s1);
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
