// output = (x - mean) / sqrt(variance + epsilon) * weight + bias, one workgroup a column; the variance is taken about
// the mean in a second pass.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4f>;

override QUADS: u32; // width / 4
override EPSILON: f32;
override LAST: bool = false;
override THREADS: u32 = 32;

var<workgroup> partials: array<f32, THREADS>;
var<workgroup> deviations: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = workgroup.x;
  if (column >= step.columns) {
    return;
  }
  var source = column;
  if (LAST) {
    source = step.columns - 1u;
  }
  var total = vec4f();
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    total += input[source * QUADS + quad];
  }
  partials[thread] = (total.x + total.y) + (total.z + total.w);
  workgroupBarrier();
  var sum = 0.0;
  for (var other = 0u; other < THREADS; other++) {
    sum += partials[other];
  }
  let mean = vec4f(sum / f32(QUADS * 4u));
  var squares = vec4f();
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let d = input[source * QUADS + quad] - mean;
    squares = fma(d, d, squares);
  }
  deviations[thread] = (squares.x + squares.y) + (squares.z + squares.w);
  workgroupBarrier();
  var variance = 0.0;
  for (var other = 0u; other < THREADS; other++) {
    variance += deviations[other];
  }
  let factor = 1.0 / sqrt(variance / f32(QUADS * 4u) + EPSILON);
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let x = (input[source * QUADS + quad] - mean) * factor;
    output[column * QUADS + quad] = fma(x, weight[quad], bias[quad]);
  }
}
