// One AdamW step of every element (Loshchilov & Hutter 2019, arXiv:1711.05101), in the order of PyTorch's: decay, moments,
// then the step by the corrected moments. The gradient is multiplied by `factor` (clipping) first.
@group(0) @binding(0) var<uniform> rates: Rates;
@group(0) @binding(1) var<storage, read> factor: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> first_moment: array<f32>;
@group(0) @binding(5) var<storage, read_write> second_moment: array<f32>;

struct Rates {
  keep: f32,            // 1 - learning rate * weight decay
  beta1: f32,
  one_minus_beta1: f32,
  beta2: f32,
  one_minus_beta2: f32,
  step_size: f32,       // learning rate / (1 - beta1^t)
  root_correction: f32, // sqrt(1 - beta2^t)
  epsilon: f32,
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + thread;
  if (i >= arrayLength(&parameter)) {
    return;
  }
  let g = gradient[i] * factor[0];
  let m = rates.beta1 * first_moment[i] + rates.one_minus_beta1 * g;
  let v = rates.beta2 * second_moment[i] + rates.one_minus_beta2 * g * g;
  first_moment[i] = m;
  second_moment[i] = v;
  let root = sqrt(v) / rates.root_correction + rates.epsilon;
  parameter[i] = parameter[i] * rates.keep - rates.step_size * (m / root);
}
