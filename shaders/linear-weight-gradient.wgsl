// W_gradient[row][i] (+)= sum over columns of output_gradient[c][row] * input[c][i], in the layout of an F32 matrix: a thread
// takes eight rows (a tile) by eight inputs, THREADS apart so that neighbours read neighbouring words. The columns are cut into
// chunks of CHUNK, each with its own sums; sum-partials adds the chunks up in order.
//
// Joined before: lib/step, lib/quant (MatrixShape).
@group(0) @binding(0) var<uniform> shape: MatrixShape;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>; // [chunk][tile][input][half of 8 rows]

override CHUNK: u32;
override ACCUMULATE: bool = false;
override THREADS: u32 = 16;

fn put(chunk: u32, tile: u32, i: u32, low: vec4f, high: vec4f) {
  let width = shape.groups * 32u;
  if (i >= width) {
    return;
  }
  // Padding, of inputs and of rows, has gradient zero.
  let first = vec4u(tile * 8u) + vec4u(0u, 1u, 2u, 3u);
  let used = i < shape.quads * 4u;
  let a = select(vec4f(), low, (first < vec4u(shape.rows)) & vec4<bool>(used));
  let b = select(vec4f(), high, (first + vec4u(4u) < vec4u(shape.rows)) & vec4<bool>(used));
  let index = ((chunk * shape.tiles + tile) * width + i) * 2u;
  if (ACCUMULATE) {
    sums[index] = sums[index] + a;
    sums[index + 1u] = sums[index + 1u] + b;
  } else {
    sums[index] = a;
    sums[index + 1u] = b;
  }
}

// Rows tile * 8 + 0..7 of the gradient of one column; rows past the end are clamped, and not stored.
fn rows_low(at: u32, row: u32) -> vec4f {
  let last = shape.rows - 1u;
  return vec4f(
    output_gradient[at + min(row, last)],
    output_gradient[at + min(row + 1u, last)],
    output_gradient[at + min(row + 2u, last)],
    output_gradient[at + min(row + 3u, last)],
  );
}

@compute @workgroup_size(THREADS)
fn wide(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = workgroup.y;
  let chunk = workgroup.z;
  let i = workgroup.x * THREADS * 8u + thread;
  let width = shape.quads * 4u;
  let i0 = min(i, width - 1u);
  let i1 = min(i + 1u * THREADS, width - 1u);
  let i2 = min(i + 2u * THREADS, width - 1u);
  let i3 = min(i + 3u * THREADS, width - 1u);
  let i4 = min(i + 4u * THREADS, width - 1u);
  let i5 = min(i + 5u * THREADS, width - 1u);
  let i6 = min(i + 6u * THREADS, width - 1u);
  let i7 = min(i + 7u * THREADS, width - 1u);
  var a0 = vec4f();
  var b0 = vec4f();
  var a1 = vec4f();
  var b1 = vec4f();
  var a2 = vec4f();
  var b2 = vec4f();
  var a3 = vec4f();
  var b3 = vec4f();
  var a4 = vec4f();
  var b4 = vec4f();
  var a5 = vec4f();
  var b5 = vec4f();
  var a6 = vec4f();
  var b6 = vec4f();
  var a7 = vec4f();
  var b7 = vec4f();
  let end = min((chunk + 1u) * CHUNK, step.columns);
  for (var column = chunk * CHUNK; column < end; column++) {
    let low = rows_low(column * shape.total_rows, tile * 8u);
    let high = rows_low(column * shape.total_rows, tile * 8u + 4u);
    let x = column * width;
    let x0 = vec4f(input[x + i0]);
    a0 = fma(low, x0, a0);
    b0 = fma(high, x0, b0);
    let x1 = vec4f(input[x + i1]);
    a1 = fma(low, x1, a1);
    b1 = fma(high, x1, b1);
    let x2 = vec4f(input[x + i2]);
    a2 = fma(low, x2, a2);
    b2 = fma(high, x2, b2);
    let x3 = vec4f(input[x + i3]);
    a3 = fma(low, x3, a3);
    b3 = fma(high, x3, b3);
    let x4 = vec4f(input[x + i4]);
    a4 = fma(low, x4, a4);
    b4 = fma(high, x4, b4);
    let x5 = vec4f(input[x + i5]);
    a5 = fma(low, x5, a5);
    b5 = fma(high, x5, b5);
    let x6 = vec4f(input[x + i6]);
    a6 = fma(low, x6, a6);
    b6 = fma(high, x6, b6);
    let x7 = vec4f(input[x + i7]);
    a7 = fma(low, x7, a7);
    b7 = fma(high, x7, b7);
  }
  put(chunk, tile, i, a0, b0);
  put(chunk, tile, i + 1u * THREADS, a1, b1);
  put(chunk, tile, i + 2u * THREADS, a2, b2);
  put(chunk, tile, i + 3u * THREADS, a3, b3);
  put(chunk, tile, i + 4u * THREADS, a4, b4);
  put(chunk, tile, i + 5u * THREADS, a5, b5);
  put(chunk, tile, i + 6u * THREADS, a6, b6);
  put(chunk, tile, i + 7u * THREADS, a7, b7);
}

// For up to 32 inputs (a low rank): two inputs a thread.
@compute @workgroup_size(32)
fn narrow(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = workgroup.y;
  let chunk = workgroup.z;
  let width = shape.quads * 4u;
  let step_over = (shape.quads + 1u) / 2u * 4u;
  let i0 = thread;
  let i1 = thread + step_over;
  var a0 = vec4f();
  var a1 = vec4f();
  var b0 = vec4f();
  var b1 = vec4f();
  if (thread < step_over) {
    let end = min((chunk + 1u) * CHUNK, step.columns);
    for (var column = chunk * CHUNK; column < end; column++) {
      let low = rows_low(column * shape.total_rows, tile * 8u);
      let high = rows_low(column * shape.total_rows, tile * 8u + 4u);
      let x0 = vec4f(input[column * width + i0]);
      let x1 = vec4f(input[column * width + min(i1, width - 1u)]);
      a0 = fma(low, x0, a0);
      b0 = fma(high, x0, b0);
      a1 = fma(low, x1, a1);
      b1 = fma(high, x1, b1);
    }
    put(chunk, tile, i0, a0, b0);
    if (i1 < width) {
      put(chunk, tile, i1, a1, b1);
    }
  }
  if (thread >= width) {
    put(chunk, tile, thread, vec4f(), vec4f());
  }
}
