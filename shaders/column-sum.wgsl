// partials[chunk][i] = sum over the chunk's columns of data[c][i]: the first stage of a bias gradient.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> data: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

override WIDTH: u32;
override CHUNK: u32;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = workgroup.x * 64u + thread;
  if (i >= WIDTH) {
    return;
  }
  let end = min((workgroup.y + 1u) * CHUNK, step.columns);
  var total = 0.0;
  for (var column = workgroup.y * CHUNK; column < end; column++) {
    total += data[column * WIDTH + i];
  }
  partials[workgroup.y * WIDTH + i] = total;
}
