// With n = (x - mean) r, r = 1 / sqrt(variance + epsilon) and g = output_gradient * weight:
//   input_gradient (+)= r (g - mean(g) - n mean(g n))
// one workgroup a column. Leaves (mean, r) of every column for norm-weight-gradient.
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
override ACCUMULATE: bool = false;
override THREADS: u32 = 32;

var<workgroup> totals: array<vec2f, THREADS>;
var<workgroup> deviations: array<vec2f, THREADS>;

fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = workgroup.y * workgroups.x + workgroup.x;
  if (column >= step.columns) {
    return;
  }
  var total = vec4f();
  var gradients = vec4f();
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    total += input[column * QUADS + quad];
    gradients = fma(output_gradient[column * QUADS + quad], weight[quad], gradients);
  }
  totals[thread] = vec2f(sum4(total), sum4(gradients));
  workgroupBarrier();
  var sums = vec2f();
  for (var other = 0u; other < THREADS; other++) {
    sums += totals[other];
  }
  let width = f32(QUADS * 4u);
  let mean = sums.x / width;
  let gradient_mean = vec4f(sums.y / width);
  var square = vec4f();
  var product = vec4f();
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let d = input[column * QUADS + quad] - vec4f(mean);
    square = fma(d, d, square);
    product = fma(output_gradient[column * QUADS + quad] * weight[quad], d, product);
  }
  deviations[thread] = vec2f(sum4(square), sum4(product));
  workgroupBarrier();
  var spread = vec2f();
  for (var other = 0u; other < THREADS; other++) {
    spread += deviations[other];
  }
  let factor = 1.0 / sqrt(spread.x / width + EPSILON);
  let pull = factor * factor * (spread.y / width);
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let index = column * QUADS + quad;
    let d = input[index] - vec4f(mean);
    var value = (output_gradient[index] * weight[quad] - gradient_mean - d * pull) * factor;
    if (ACCUMULATE) {
      value += input_gradient[index];
    }
    input_gradient[index] = value;
  }
  if (thread == 0u) {
    stats[column] = vec2f(mean, factor);
  }
}
