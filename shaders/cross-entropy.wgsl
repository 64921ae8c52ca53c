// The loss of every column, log(sum(exp(logits))) - logits[target], and in place of the logits its gradient,
// (softmax - one-hot) * scale. Columns without a target have loss and gradient zero. One workgroup a column.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> logits: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;

override VOCABULARY: u32;
override GRADIENT: bool = true;
override THREADS: u32 = 32;

const NO_TARGET = 0xffffffffu;
const LOWEST = -3.4e38;

var<workgroup> maxima: array<f32, THREADS>;
var<workgroup> masses: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = workgroup.x;
  if (column >= step.columns) {
    return;
  }
  let first = column * VOCABULARY;
  let wanted = targets[column];
  if (wanted == NO_TARGET) {
    if (GRADIENT) {
      for (var i = thread; i < VOCABULARY; i += THREADS) {
        logits[first + i] = 0.0;
      }
    }
    if (thread == 0u) {
      losses[column] = 0.0;
    }
    return;
  }
  var most = LOWEST;
  for (var i = thread; i < VOCABULARY; i += THREADS) {
    most = max(most, logits[first + i]);
  }
  maxima[thread] = most;
  workgroupBarrier();
  var maximum = maxima[0];
  for (var other = 1u; other < THREADS; other++) {
    maximum = max(maximum, maxima[other]);
  }
  var mass = 0.0;
  for (var i = thread; i < VOCABULARY; i += THREADS) {
    mass += exp(logits[first + i] - maximum);
  }
  masses[thread] = mass;
  let chosen = logits[first + min(wanted, VOCABULARY - 1u)];
  workgroupBarrier();
  var total = 0.0;
  for (var other = 0u; other < THREADS; other++) {
    total += masses[other];
  }
  if (thread == 0u) {
    losses[column] = log(total) + (maximum - chosen);
  }
  if (GRADIENT) {
    let factor = scale[0];
    for (var i = thread; i < VOCABULARY; i += THREADS) {
      let p = exp(logits[first + i] - maximum) / total;
      logits[first + i] = (p - select(0.0, 1.0, i == wanted)) * factor;
    }
  }
}
