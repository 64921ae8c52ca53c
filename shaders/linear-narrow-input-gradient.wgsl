// input_gradient[c] (+)= Wᵀ · output_gradient[c] for an F32 matrix of few inputs (the B of a low-rank pair): a thread takes
// eight inputs for four columns, and neighbours share the weights. Rows in order.
//
// Joined before: lib/step, lib/quant (MatrixShape), lib/input-gradient.
@group(0) @binding(0) var<storage, read> weights: array<f32>; // [tile][input, padded to 32][row in tile]
@group(0) @binding(1) var<uniform> shape: MatrixShape;
@group(0) @binding(2) var<storage, read> step: Step;
@group(0) @binding(3) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4f>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = (workgroup.x * 32u + thread) * 4u;
  let quad = workgroup.y * 2u;
  if (column >= step.columns) {
    return;
  }
  let last = step.columns - 1u;
  let stride = shape.total_rows;
  let d0 = column * stride;
  let d1 = min(column + 1u, last) * stride;
  let d2 = min(column + 2u, last) * stride;
  let d3 = min(column + 3u, last) * stride;
  var a0 = vec4f();
  var a1 = vec4f();
  var a2 = vec4f();
  var a3 = vec4f();
  var b0 = vec4f();
  var b1 = vec4f();
  var b2 = vec4f();
  var b3 = vec4f();
  for (var row = 0u; row < shape.rows; row++) {
    // A row's padding, up to 32 inputs, is zero: eight inputs can always be read.
    let at = ((row / 8u) * shape.groups * 32u + quad * 4u) * 8u + row % 8u;
    let low = vec4f(weights[at], weights[at + 8u], weights[at + 16u], weights[at + 24u]);
    let high = vec4f(weights[at + 32u], weights[at + 40u], weights[at + 48u], weights[at + 56u]);
    let g0 = vec4f(output_gradient[d0 + row]);
    let g1 = vec4f(output_gradient[d1 + row]);
    let g2 = vec4f(output_gradient[d2 + row]);
    let g3 = vec4f(output_gradient[d3 + row]);
    a0 = fma(low, g0, a0);
    b0 = fma(high, g0, b0);
    a1 = fma(low, g1, a1);
    b1 = fma(high, g1, b1);
    a2 = fma(low, g2, a2);
    b2 = fma(high, g2, b2);
    a3 = fma(low, g3, a3);
    b3 = fma(high, g3, b3);
  }
  put(column, quad, a0);
  put(column, quad + 1u, b0);
  put(column + 1u, quad, a1);
  put(column + 1u, quad + 1u, b1);
  put(column + 2u, quad, a2);
  put(column + 2u, quad + 1u, b2);
  put(column + 3u, quad, a3);
  put(column + 3u, quad + 1u, b3);
}
