// partials[chunk][i] = sum over the chunk's rows of output_gradient * normalised input: the first stage of a norm's weight
// gradient. Mean and factor of each row were left by the backward of the norm.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<vec2f>; // [row] = mean, factor
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

override WIDTH: u32;
override CHUNK: u32;
// Rows of a column: the heads of a head norm.
override HEADS: u32 = 1;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = workgroup.x * 64u + thread;
  if (i >= WIDTH) {
    return;
  }
  let end = min((workgroup.y + 1u) * CHUNK, step.columns * HEADS);
  var total = 0.0;
  for (var row = workgroup.y * CHUNK; row < end; row++) {
    let stat = stats[row];
    total = fma(output_gradient[row * WIDTH + i], (input[row * WIDTH + i] - stat.x) * stat.y, total);
  }
  partials[workgroup.y * WIDTH + i] = total;
}
