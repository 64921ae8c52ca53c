// output[c] = W · input[c] for the one to eight columns of a decode step. A column's sum is formed in one order,
// whatever the number of columns or of rows a thread takes: group by group, SLICES threads taking turns.
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight, lib/linear.

// Threads that share a row.
override SLICES: u32 = 1;
// Tiles of eight rows side by side in a workgroup.
override TILES: u32 = 8;
// Rows a thread takes, one in each of as many tile blocks; more than one only when COLUMNS is 1.
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
  if (weight_has_offset) {
    sum = sum4(((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7)));
  }
  return Inputs(x0, x1, x2, x3, x4, x5, x6, x7, sum);
}

fn sweep(tile: u32, lane: u32, slice: u32, column: u32) -> Sums {
  var s0 = 0.0;
  var s1 = 0.0;
  var s2 = 0.0;
  var s3 = 0.0;
  var s4 = 0.0;
  var s5 = 0.0;
  var s6 = 0.0;
  var s7 = 0.0;
  // Rows past the end repeat the last tile and are not stored.
  let last = shape.tiles - 1u;
  let tile0 = min(tile, last);
  let tile1 = min(tile + TILES, last);
  let tile2 = min(tile + 2u * TILES, last);
  let tile3 = min(tile + 3u * TILES, last);
  for (var group = slice; group < shape.groups; group += SLICES) {
    let x = load_inputs(column, group);
    let w = weight_group(tile0, lane, group, shape.groups);
    s0 = weight_dot(s0, w, x);
    if (COLUMNS > 1u) {
      s1 = weight_dot(s1, w, load_inputs(column + 1u, group));
    }
    if (COLUMNS > 2u) {
      s2 = weight_dot(s2, w, load_inputs(column + 2u, group));
      s3 = weight_dot(s3, w, load_inputs(column + 3u, group));
    }
    if (COLUMNS > 4u) {
      s4 = weight_dot(s4, w, load_inputs(column + 4u, group));
      s5 = weight_dot(s5, w, load_inputs(column + 5u, group));
      s6 = weight_dot(s6, w, load_inputs(column + 6u, group));
      s7 = weight_dot(s7, w, load_inputs(column + 7u, group));
    }
    if (ROWS > 1u) {
      s1 = weight_dot(s1, weight_group(tile1, lane, group, shape.groups), x);
    }
    if (ROWS > 2u) {
      s2 = weight_dot(s2, weight_group(tile2, lane, group, shape.groups), x);
      s3 = weight_dot(s3, weight_group(tile3, lane, group, shape.groups), x);
    }
  }
  return Sums(s0, s1, s2, s3, s4, s5, s6, s7);
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
  }
  if (ROWS > 2u) {
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
