// output = x / sqrt(mean(x^2) + epsilon) * weight, one workgroup a column.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>;

override QUADS: u32; // width / 4
override EPSILON: f32;
// Only the step's last column, into the output's first.
override LAST: bool = false;
// Rows of a column, each normed alone.
override HEADS: u32 = 1;
override THREADS: u32 = 32;

var<workgroup> partials: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = workgroup.y * workgroups.x + workgroup.x;
  if (column >= step.columns * HEADS) {
    return;
  }
  var source = column;
  if (LAST) {
    source = step.columns - 1u;
  }
  var squares = vec4f();
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let x = input[source * QUADS + quad];
    squares = fma(x, x, squares);
  }
  partials[thread] = (squares.x + squares.y) + (squares.z + squares.w);
  workgroupBarrier();
  var sum = 0.0;
  for (var other = 0u; other < THREADS; other++) {
    sum += partials[other];
  }
  let factor = 1.0 / sqrt(sum / f32(QUADS * 4u) + EPSILON);
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    output[column * QUADS + quad] = input[source * QUADS + quad] * factor * weight[quad];
  }
}
