// RMS norm of every head of every column, in place: 32 threads a head.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> data: array<f32>;

override HEADS: u32;
override HEAD_DIM: u32;
override EPSILON: f32;

var<workgroup> partials: array<f32, 32>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (workgroup.y >= step.columns) {
    return;
  }
  let first = (workgroup.y * HEADS + workgroup.x) * HEAD_DIM;
  var squares = 0.0;
  for (var i = thread; i < HEAD_DIM; i += 32u) {
    squares = fma(data[first + i], data[first + i], squares);
  }
  partials[thread] = squares;
  workgroupBarrier();
  var sum = 0.0;
  for (var other = 0u; other < 32u; other++) {
    sum += partials[other];
  }
  let factor = 1.0 / sqrt(sum / f32(HEAD_DIM) + EPSILON);
  for (var i = thread; i < HEAD_DIM; i += 32u) {
    data[first + i] = data[first + i] * factor * weight[i];
  }
}
