// sum = sum * KEEP + term * factor, element by element over whole buffers.
@group(0) @binding(0) var<storage, read> factor: array<f32>;
@group(0) @binding(1) var<storage, read> term: array<f32>;
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;

override KEEP: bool = true;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + thread;
  if (i >= min(arrayLength(&sum), arrayLength(&term))) {
    return;
  }
  let value = term[i] * factor[0];
  if (KEEP) {
    sum[i] = sum[i] + value;
  } else {
    sum[i] = value;
  }
}
