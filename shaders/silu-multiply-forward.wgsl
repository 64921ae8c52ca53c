// output = silu(gate) * up over [columns, width], keeping both for the backward.
//
// Joined before: lib/step, lib/activation.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read> up: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

override WIDTH: u32;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + thread;
  if (i < step.columns * WIDTH) {
    output[i] = silu(gate[i]) * up[i];
  }
}
