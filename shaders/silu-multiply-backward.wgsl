// From gate, up and the gradient of silu(gate) * up: `gate` and `up` become their own gradients, in place.
//
// Joined before: lib/step, lib/activation, lib/activation-slope.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> gate: array<f32>;
@group(0) @binding(3) var<storage, read_write> up: array<f32>;

override WIDTH: u32;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + thread;
  if (i < step.columns * WIDTH) {
    let x = gate[i];
    let g = output_gradient[i];
    gate[i] = g * up[i] * silu_slope(x);
    up[i] = g * silu(x);
  }
}
