// output[c] = W · input[c] for the one to eight columns of a decode step. A column's sum is formed in one order,
// whatever the number of columns or of rows a thread takes: group by group, SLICES threads taking turns.
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight, lib/linear.

// Threads that share a row.
override SLICES: u32 = 1;
// Tiles of eight rows side by side in a workgroup.
override TILES: u32 = 8;
// Rows a thread takes, 1 or 4, one in each of as many tile blocks; 4 only when COLUMNS is 1.
override ROWS: u32 = 1;
override COLUMNS: u32 = 1;
override THREADS: u32 = 64; // 8 * SLICES * TILES

// A sum for each column, or for each row when COLUMNS is 1.
struct Sums {
  s0: f32,
  s1: f32,
  s2: f32,
  s3: f32,
  s4: f32,
  s5: f32,
  s6: f32,
  s7: f32,
}

// One octet of one row in several columns.
fn accumulate_column(t: Partial, q: Octet, column: u32, quad: u32) -> Partial {
  return weight_accumulate(t, q, input_quad(column, quad), input_quad(column, quad + 4u));
}

// A thread's place in each of its rows, and their scales for the group at hand.
struct Rows {
  base0: u32,
  base1: u32,
  base2: u32,
  base3: u32,
  scale0: Scale,
  scale1: Scale,
  scale2: Scale,
  scale3: Scale,
}

struct RowPartials {
  p0: Partial,
  p1: Partial,
  p2: Partial,
  p3: Partial,
}

// One octet of a thread's rows in one column: the inputs are loaded once for all of them.
fn accumulate_rows(t: RowPartials, rows: Rows, octet: u32, column: u32, quad: u32) -> RowPartials {
  let a = input_quad(column, quad);
  let b = input_quad(column, quad + 4u);
  let p0 = weight_accumulate(t.p0, weight_quants(rows.base0, octet, rows.scale0), a, b);
  if (ROWS == 1u) {
    return RowPartials(p0, t.p1, t.p2, t.p3);
  }
  return RowPartials(
    p0,
    weight_accumulate(t.p1, weight_quants(rows.base1, octet, rows.scale1), a, b),
    weight_accumulate(t.p2, weight_quants(rows.base2, octet, rows.scale2), a, b),
    weight_accumulate(t.p3, weight_quants(rows.base3, octet, rows.scale3), a, b),
  );
}

// The sums of up to four rows in one column, the octets written out: this is where decoding spends its time.
fn sweep_rows(tile: u32, lane: u32, slice: u32, column: u32) -> Sums {
  // Rows past the end repeat the last tile and are not stored.
  let last = shape.tiles - 1u;
  let tile0 = min(tile, last);
  let tile1 = min(tile + TILES, last);
  let tile2 = min(tile + 2u * TILES, last);
  let tile3 = min(tile + 3u * TILES, last);
  var rows = Rows();
  rows.base0 = weight_base(tile0, lane, slice, shape.groups);
  rows.base1 = weight_base(tile1, lane, slice, shape.groups);
  rows.base2 = weight_base(tile2, lane, slice, shape.groups);
  rows.base3 = weight_base(tile3, lane, slice, shape.groups);
  var s0 = 0.0;
  var s1 = 0.0;
  var s2 = 0.0;
  var s3 = 0.0;
  for (var group = slice; group < shape.groups; group += SLICES) {
    rows.scale0 = weight_scale(tile0, lane, group, shape.groups);
    if (ROWS > 1u) {
      rows.scale1 = weight_scale(tile1, lane, group, shape.groups);
      rows.scale2 = weight_scale(tile2, lane, group, shape.groups);
      rows.scale3 = weight_scale(tile3, lane, group, shape.groups);
    }
    let quad = group * 8u;
    var p = accumulate_rows(RowPartials(), rows, 0u, column, quad);
    p = accumulate_rows(p, rows, 1u, column, quad + 1u);
    p = accumulate_rows(p, rows, 2u, column, quad + 2u);
    p = accumulate_rows(p, rows, 3u, column, quad + 3u);
    s0 = weight_finish(s0, p.p0, rows.scale0);
    if (ROWS > 1u) {
      s1 = weight_finish(s1, p.p1, rows.scale1);
      s2 = weight_finish(s2, p.p2, rows.scale2);
      s3 = weight_finish(s3, p.p3, rows.scale3);
    }
    let stride = SLICES * weight_group_words * 8u;
    rows.base0 += stride;
    rows.base1 += stride;
    rows.base2 += stride;
    rows.base3 += stride;
  }
  return Sums(s0, s1, s2, s3, 0.0, 0.0, 0.0, 0.0);
}

// The sums of one row in several columns.
fn sweep_columns(tile: u32, lane: u32, slice: u32, column: u32) -> Sums {
  var s0 = 0.0;
  var s1 = 0.0;
  var s2 = 0.0;
  var s3 = 0.0;
  var s4 = 0.0;
  var s5 = 0.0;
  var s6 = 0.0;
  var s7 = 0.0;
  let tile0 = min(tile, shape.tiles - 1u);
  for (var group = slice; group < shape.groups; group += SLICES) {
    let base = weight_base(tile0, lane, group, shape.groups);
    let scale = weight_scale(tile0, lane, group, shape.groups);
    var p0 = Partial();
    var p1 = Partial();
    var p2 = Partial();
    var p3 = Partial();
    var p4 = Partial();
    var p5 = Partial();
    var p6 = Partial();
    var p7 = Partial();
    for (var octet = 0u; octet < 4u; octet++) {
      let quad = group * 8u + octet;
      let q = weight_quants(base, octet, scale);
      p0 = accumulate_column(p0, q, column, quad);
      p1 = accumulate_column(p1, q, column + 1u, quad);
      if (COLUMNS > 2u) {
        p2 = accumulate_column(p2, q, column + 2u, quad);
        p3 = accumulate_column(p3, q, column + 3u, quad);
      }
      if (COLUMNS > 4u) {
        p4 = accumulate_column(p4, q, column + 4u, quad);
        p5 = accumulate_column(p5, q, column + 5u, quad);
        p6 = accumulate_column(p6, q, column + 6u, quad);
        p7 = accumulate_column(p7, q, column + 7u, quad);
      }
    }
    s0 = weight_finish(s0, p0, scale);
    s1 = weight_finish(s1, p1, scale);
    if (COLUMNS > 2u) {
      s2 = weight_finish(s2, p2, scale);
      s3 = weight_finish(s3, p3, scale);
    }
    if (COLUMNS > 4u) {
      s4 = weight_finish(s4, p4, scale);
      s5 = weight_finish(s5, p5, scale);
      s6 = weight_finish(s6, p6, scale);
      s7 = weight_finish(s7, p7, scale);
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

// One thread a row: no workgroup memory, no barrier. What a CPU adapter likes.
@compute @workgroup_size(THREADS)
fn row_per_thread(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let block = workgroup.y * workgroups.x + workgroup.x;
  let tile = block * TILES * ROWS + thread / 8u;
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
    store(tile + 2u * TILES, lane, column, sums.s2);
    store(tile + 3u * TILES, lane, column, sums.s3);
  }
}

override PARTIALS: u32 = 64; // THREADS * COLUMNS
var<workgroup> partials: array<f32, PARTIALS>;

// SLICES threads a row, one row a thread. Partial sums meet in workgroup memory and are added in slice order.
@compute @workgroup_size(THREADS)
fn sliced(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let block = workgroup.y * workgroups.x + workgroup.x;
  let lane = thread % 8u;
  let slice = (thread / 8u) % SLICES;
  let tile = block * TILES + thread / (8u * SLICES);
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
  // A thread of slice s finishes columns s, s + SLICES, ….
  for (var offset = slice; offset < COLUMNS; offset += SLICES) {
    let first = offset * THREADS + (thread / (8u * SLICES)) * 8u * SLICES + lane;
    var sum = partials[first];
    for (var other = 1u; other < SLICES; other++) {
      sum += partials[first + other * 8u];
    }
    store(tile, lane, column + offset, sum);
  }
}
