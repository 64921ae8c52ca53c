// The norm of all gradients, in two stages: `squares` leaves one sum a thread of one tensor; `finish` adds up those of all
// tensors and leaves the norm, and the factor that clips it to the limit.
@group(0) @binding(0) var<storage, read> data: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read> limit: array<f32>; // largest norm; 0 for none
@group(0) @binding(3) var<storage, read_write> result: array<f32>; // the norm
@group(0) @binding(4) var<storage, read_write> clip: array<f32>; // the factor

// Of this tensor's sums in `partials`.
override FIRST: u32 = 0;
// Sums of all tensors.
override COUNT: u32 = 0;

@compute @workgroup_size(64)
fn squares(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let mine = workgroup.x * 64u + thread;
  var total = 0.0;
  for (var i = mine; i < arrayLength(&data); i += workgroups.x * 64u) {
    total = fma(data[i], data[i], total);
  }
  partials[FIRST + mine] = total;
}

var<workgroup> sums: array<f32, 32>;

@compute @workgroup_size(32)
fn finish(@builtin(local_invocation_index) thread: u32) {
  var total = 0.0;
  for (var i = thread; i < COUNT; i += 32u) {
    total += partials[i];
  }
  sums[thread] = total;
  workgroupBarrier();
  if (thread > 0u) {
    return;
  }
  total = 0.0;
  for (var other = 0u; other < 32u; other++) {
    total += sums[other];
  }
  let norm = sqrt(total);
  var factor = 1.0;
  // As torch.nn.utils.clip_grad_norm_.
  if (limit[0] > 0.0) {
    factor = min(1.0, limit[0] / (norm + 1e-6));
  }
  result[0] = norm;
  clip[0] = factor;
}
