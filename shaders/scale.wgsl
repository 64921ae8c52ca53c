// data = data * FACTOR over whole buffers, in place; FACTOR 0 clears whatever was there.
@group(0) @binding(0) var<storage, read_write> data: array<f32>;

override FACTOR: f32;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + thread;
  if (i >= arrayLength(&data)) {
    return;
  }
  if (FACTOR == 0.0) {
    data[i] = 0.0;
  } else {
    data[i] = data[i] * FACTOR;
  }
}
