// sum[i] (+)= partials[0][i] + partials[1][i] + …, in that order: the second stage of every sum that was cut into parts.
@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> sum: array<f32>;

override COUNT: u32;
override PARTS: u32;
override ACCUMULATE: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + thread;
  if (i >= COUNT) {
    return;
  }
  var total = partials[i];
  for (var part = 1u; part < PARTS; part++) {
    total += partials[part * COUNT + i];
  }
  if (ACCUMULATE) {
    total += sum[i];
  }
  sum[i] = total;
}
