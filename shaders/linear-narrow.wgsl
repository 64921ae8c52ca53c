// output[c] (+)= W · input[c] for an F32 matrix with few rows or few inputs (the two of a low-rank pair): a thread takes
// one tile of eight rows for four columns, and neighbours share the weights, so that neither a short row nor a single tile
// leaves threads idle. Inputs in order.
//
// Joined before: lib/step, lib/quant (MatrixShape).
@group(0) @binding(0) var<storage, read> weights: array<vec4f>; // [tile][input, padded to 32][half of 8 rows]
@group(0) @binding(1) var<uniform> shape: MatrixShape;
@group(0) @binding(2) var<storage, read> step: Step;
@group(0) @binding(3) var<storage, read> input: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

override ACCUMULATE: bool = false;

fn store(row: u32, column: u32, sum: f32) {
  if (row >= shape.rows || column >= step.columns) {
    return;
  }
  let index = column * shape.total_rows + row;
  if (ACCUMULATE) {
    output[index] = output[index] + sum;
  } else {
    output[index] = sum;
  }
}

fn store_rows(row: u32, column: u32, low: vec4f, high: vec4f) {
  store(row, column, low.x);
  store(row + 1u, column, low.y);
  store(row + 2u, column, low.z);
  store(row + 3u, column, low.w);
  store(row + 4u, column, high.x);
  store(row + 5u, column, high.y);
  store(row + 6u, column, high.z);
  store(row + 7u, column, high.w);
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = (workgroup.x * 32u + thread) * 4u;
  let tile = workgroup.y;
  if (column >= step.columns) {
    return;
  }
  let last = step.columns - 1u;
  let width = shape.quads * 4u;
  let x0 = column * width;
  let x1 = min(column + 1u, last) * width;
  let x2 = min(column + 2u, last) * width;
  let x3 = min(column + 3u, last) * width;
  var a0 = vec4f();
  var a1 = vec4f();
  var a2 = vec4f();
  var a3 = vec4f();
  var b0 = vec4f();
  var b1 = vec4f();
  var b2 = vec4f();
  var b3 = vec4f();
  let base = tile * shape.groups * 64u;
  for (var i = 0u; i < width; i++) {
    let low = weights[base + i * 2u];
    let high = weights[base + i * 2u + 1u];
    let v0 = vec4f(input[x0 + i]);
    let v1 = vec4f(input[x1 + i]);
    let v2 = vec4f(input[x2 + i]);
    let v3 = vec4f(input[x3 + i]);
    a0 = fma(low, v0, a0);
    b0 = fma(high, v0, b0);
    a1 = fma(low, v1, a1);
    b1 = fma(high, v1, b1);
    a2 = fma(low, v2, a2);
    b2 = fma(high, v2, b2);
    a3 = fma(low, v3, a3);
    b3 = fma(high, v3, b3);
  }
  store_rows(tile * 8u, column, a0, b0);
  store_rows(tile * 8u, column + 1u, a1, b1);
  store_rows(tile * 8u, column + 2u, a2, b2);
  store_rows(tile * 8u, column + 3u, a3, b3);
}
