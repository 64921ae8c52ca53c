// output (+)= input * mask / (1 - rate): the mask follows from (seed, step, stream, element) and is drawn again in the
// backward, where it falls on the gradient. Four neighbouring elements share one draw of four words.
//
// Joined before: lib/step, lib/philox.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> draw: vec4u; // seed (low, high), optimiser step, micro-batch
@group(0) @binding(2) var<storage, read> input: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>;

override QUADS: u32; // width / 4
override STREAM: u32;
// Words below it drop their element: rate * 2^32.
override THRESHOLD: u32;
override SCALE: f32; // 1 / (1 - rate)
override ACCUMULATE: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + thread;
  if (i >= step.columns * QUADS) {
    return;
  }
  let words = philox4x32(vec4u(i, draw.z, STREAM, draw.w), draw.xy);
  let kept = select(vec4f(), input[i] * SCALE, words >= vec4u(THRESHOLD));
  if (ACCUMULATE) {
    output[i] = output[i] + kept;
  } else {
    output[i] = kept;
  }
}
