// W_gradient[row][i] (+)= sum over columns of output_gradient[c][row] * input[c][i], in the layout of an F32 matrix: a thread
// takes eight rows (a tile) by four inputs, 32 apart so that neighbours read neighbouring words. The columns are cut into
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

@compute @workgroup_size(32)
fn wide(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = workgroup.y;
  let chunk = workgroup.z;
  let i = workgroup.x * 128u + thread;
  let width = shape.quads * 4u;
  let i0 = min(i, width - 1u);
  let i1 = min(i + 32u, width - 1u);
  let i2 = min(i + 64u, width - 1u);
  let i3 = min(i + 96u, width - 1u);
  var a0 = vec4f();
  var a1 = vec4f();
  var a2 = vec4f();
  var a3 = vec4f();
  var b0 = vec4f();
  var b1 = vec4f();
  var b2 = vec4f();
  var b3 = vec4f();
  let end = min((chunk + 1u) * CHUNK, step.columns);
  for (var column = chunk * CHUNK; column < end; column++) {
    let low = rows_low(column * shape.total_rows, tile * 8u);
    let high = rows_low(column * shape.total_rows, tile * 8u + 4u);
    let x = column * width;
    let x0 = vec4f(input[x + i0]);
    let x1 = vec4f(input[x + i1]);
    let x2 = vec4f(input[x + i2]);
    let x3 = vec4f(input[x + i3]);
    a0 = fma(low, x0, a0);
    b0 = fma(high, x0, b0);
    a1 = fma(low, x1, a1);
    b1 = fma(high, x1, b1);
    a2 = fma(low, x2, a2);
    b2 = fma(high, x2, b2);
    a3 = fma(low, x3, a3);
    b3 = fma(high, x3, b3);
  }
  put(chunk, tile, i, a0, b0);
  put(chunk, tile, i + 32u, a1, b1);
  put(chunk, tile, i + 64u, a2, b2);
  put(chunk, tile, i + 96u, a3, b3);
}

// For up to 32 inputs (a low rank): one input a thread.
@compute @workgroup_size(32)
fn narrow(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = workgroup.y;
  let chunk = workgroup.z;
  let i = workgroup.x * 32u + thread;
  let width = shape.quads * 4u;
  var a = vec4f();
  var b = vec4f();
  if (i < width) {
    let end = min((chunk + 1u) * CHUNK, step.columns);
    for (var column = chunk * CHUNK; column < end; column++) {
      let x = vec4f(input[column * width + i]);
      a = fma(rows_low(column * shape.total_rows, tile * 8u), x, a);
      b = fma(rows_low(column * shape.total_rows, tile * 8u + 4u), x, b);
    }
  }
  put(chunk, tile, i, a, b);
}
