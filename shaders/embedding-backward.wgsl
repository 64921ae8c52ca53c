// table_gradient[row] += sum of gradient[c] over the columns c that gathered the row, in column order: the host has sorted
// the columns by row, so that one thread adds up one element of one row and nothing is added atomically. The table's
// gradient lies as an F32 matrix does.
//
// Joined before: lib/quant (MatrixShape).
@group(0) @binding(0) var<uniform> shape: MatrixShape;
@group(0) @binding(1) var<storage, read> groups: array<u32>; // see worker/gpu/batch-buffers.ts
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> table_gradient: array<f32>;

override CAPACITY: u32;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  let width = shape.quads * 4u;
  if (id.y >= groups[0] || i >= width) {
    return;
  }
  let group = 4u + CAPACITY + id.y * 3u;
  let row = groups[group];
  if (row >= shape.rows) {
    return;
  }
  var total = 0.0;
  for (var at = groups[group + 1u]; at < groups[group + 2u]; at++) {
    total += gradient[groups[4u + at] * width + i];
  }
  let index = ((row / 8u) * shape.groups * 32u + i) * 8u + row % 8u;
  table_gradient[index] = table_gradient[index] + total;
}
