// input_gradient[c] (+)= Wᵀ · output_gradient[c], dequantising W in registers: a thread takes one octet of every row (eight
// inputs) for eight columns, and walks the rows in order. Slabs of W add up in order.
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight, lib/input-gradient.
@group(0) @binding(2) var<uniform> shape: MatrixShape;
@group(0) @binding(3) var<storage, read> step: Step;
@group(0) @binding(4) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<vec4f>;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let item = (workgroup.y * workgroups.x + workgroup.x) * 32u + thread;
  let group = item / 4u;
  let octet = item % 4u;
  let column = workgroup.z * 8u;
  if (group >= shape.groups || column >= step.columns) {
    return;
  }
  let last = step.columns - 1u;
  let stride = shape.total_rows;
  let d0 = column * stride + shape.first_row;
  let d1 = min(column + 1u, last) * stride + shape.first_row;
  let d2 = min(column + 2u, last) * stride + shape.first_row;
  let d3 = min(column + 3u, last) * stride + shape.first_row;
  let d4 = min(column + 4u, last) * stride + shape.first_row;
  let d5 = min(column + 5u, last) * stride + shape.first_row;
  let d6 = min(column + 6u, last) * stride + shape.first_row;
  let d7 = min(column + 7u, last) * stride + shape.first_row;
  var a0 = vec4f();
  var a1 = vec4f();
  var a2 = vec4f();
  var a3 = vec4f();
  var a4 = vec4f();
  var a5 = vec4f();
  var a6 = vec4f();
  var a7 = vec4f();
  var b0 = vec4f();
  var b1 = vec4f();
  var b2 = vec4f();
  var b3 = vec4f();
  var b4 = vec4f();
  var b5 = vec4f();
  var b6 = vec4f();
  var b7 = vec4f();
  for (var row = 0u; row < shape.rows; row++) {
    let tile = row / 8u;
    let lane = row % 8u;
    let base = weight_base(tile, lane, group, shape.groups);
    let w = weight_values(base, octet, weight_scale(tile, lane, group, shape.groups));
    let g0 = vec4f(output_gradient[d0 + row]);
    let g1 = vec4f(output_gradient[d1 + row]);
    let g2 = vec4f(output_gradient[d2 + row]);
    let g3 = vec4f(output_gradient[d3 + row]);
    let g4 = vec4f(output_gradient[d4 + row]);
    let g5 = vec4f(output_gradient[d5 + row]);
    let g6 = vec4f(output_gradient[d6 + row]);
    let g7 = vec4f(output_gradient[d7 + row]);
    a0 = fma(w.a, g0, a0);
    b0 = fma(w.b, g0, b0);
    a1 = fma(w.a, g1, a1);
    b1 = fma(w.b, g1, b1);
    a2 = fma(w.a, g2, a2);
    b2 = fma(w.b, g2, b2);
    a3 = fma(w.a, g3, a3);
    b3 = fma(w.b, g3, b3);
    a4 = fma(w.a, g4, a4);
    b4 = fma(w.b, g4, b4);
    a5 = fma(w.a, g5, a5);
    b5 = fma(w.b, g5, b5);
    a6 = fma(w.a, g6, a6);
    b6 = fma(w.b, g6, b6);
    a7 = fma(w.a, g7, a7);
    b7 = fma(w.b, g7, b7);
  }
  let quad = group * 8u + octet;
  put(column, quad, a0);
  put(column, quad + 4u, b0);
  put(column + 1u, quad, a1);
  put(column + 1u, quad + 4u, b1);
  put(column + 2u, quad, a2);
  put(column + 2u, quad + 4u, b2);
  put(column + 3u, quad, a3);
  put(column + 3u, quad + 4u, b3);
  put(column + 4u, quad, a4);
  put(column + 4u, quad + 4u, b4);
  put(column + 5u, quad, a5);
  put(column + 5u, quad + 4u, b5);
  put(column + 6u, quad, a6);
  put(column + 6u, quad + 4u, b6);
  put(column + 7u, quad, a7);
  put(column + 7u, quad + 4u, b7);
}
