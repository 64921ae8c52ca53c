// With r = 1 / sqrt(mean(x^2) + epsilon) and g = output_gradient * weight:
//   input_gradient (+)= r g - x r^3 mean(g x)
// one workgroup a row. Leaves (0, r) of every row for norm-weight-gradient.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>;

override QUADS: u32; // width / 4
override EPSILON: f32;
// Rows of a column: the heads of a head norm.
override HEADS: u32 = 1;
override ACCUMULATE: bool = false;
override THREADS: u32 = 32;

var<workgroup> squares: array<f32, THREADS>;
var<workgroup> products: array<f32, THREADS>;

fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = workgroup.y * workgroups.x + workgroup.x;
  if (row >= step.columns * HEADS) {
    return;
  }
  var square = vec4f();
  var product = vec4f();
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let x = input[row * QUADS + quad];
    square = fma(x, x, square);
    product = fma(output_gradient[row * QUADS + quad] * weight[quad], x, product);
  }
  squares[thread] = sum4(square);
  products[thread] = sum4(product);
  workgroupBarrier();
  var sum = 0.0;
  var dot_sum = 0.0;
  for (var other = 0u; other < THREADS; other++) {
    sum += squares[other];
    dot_sum += products[other];
  }
  let width = f32(QUADS * 4u);
  let factor = 1.0 / sqrt(sum / width + EPSILON);
  let pull = factor * factor * factor * (dot_sum / width);
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let index = row * QUADS + quad;
    var value = output_gradient[index] * weight[quad] * factor - input[index] * pull;
    if (ACCUMULATE) {
      value += input_gradient[index];
    }
    input_gradient[index] = value;
  }
  if (thread == 0u) {
    stats[row] = vec2f(0.0, factor);
  }
}
