// Grouped-query attention of one head of one column over the KV cache, one workgroup each. Positions are taken in
// rounds of THREADS: a thread scores one position, then the threads share the weighted sum of the values, as
// (slice of the round, quad of the head) pairs. Softmax runs online. The order of every sum depends on the column's
// position alone.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> query: array<vec4f>;
@group(0) @binding(2) var<storage, read> key_cache: array<vec4f>;
@group(0) @binding(3) var<storage, read> value_cache: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4f>;

override HEADS: u32;
override KV_HEADS: u32;
override QUADS: u32; // head size / 4
override SCALE: f32; // 1 / sqrt(head size)
override THREADS: u32 = 32;
// Threads that share a quad of the head: max(1, THREADS / QUADS).
override SLICES: u32 = 1;

var<workgroup> scores: array<f32, THREADS>;
var<workgroup> partials: array<vec4f, THREADS>;

const LOWEST = -3.4e38;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = workgroup.x;
  let column = workgroup.y;
  if (column >= step.columns) {
    return;
  }
  let kv_head = head / (HEADS / KV_HEADS);
  let stride = KV_HEADS * QUADS;
  let q = ((step.first + column) * HEADS + head) * QUADS;
  let kv = kv_head * QUADS;
  let length = step.position + column + 1u;
  // A head wider than four times THREADS gives a thread a second, third and fourth quad.
  let slice = thread / QUADS;
  let quad = thread % QUADS;
  let sums = slice < SLICES;
  var maximum = LOWEST;
  var denominator = 0.0;
  var total0 = vec4f();
  var total1 = vec4f();
  for (var first = 0u; first < length; first += THREADS) {
    let position = first + thread;
    var score = LOWEST;
    if (position < length) {
      let k = position * stride + kv;
      var products = vec4f();
      for (var i = 0u; i < QUADS; i++) {
        products = fma(query[q + i], key_cache[k + i], products);
      }
      score = ((products.x + products.y) + (products.z + products.w)) * SCALE;
    }
    scores[thread] = score;
    workgroupBarrier();
    var next = maximum;
    for (var other = 0u; other < THREADS; other++) {
      next = max(next, scores[other]);
    }
    workgroupBarrier();
    scores[thread] = select(0.0, exp(score - next), position < length);
    workgroupBarrier();
    let fade = exp(maximum - next);
    maximum = next;
    let count = min(THREADS, length - first);
    var mass = 0.0;
    for (var other = 0u; other < count; other++) {
      mass += scores[other];
    }
    denominator = fma(denominator, fade, mass);
    total0 *= fade;
    total1 *= fade;
    if (sums) {
      for (var other = slice; other < count; other += SLICES) {
        let v = (first + other) * stride + kv;
        let p = vec4f(scores[other]);
        total0 = fma(p, value_cache[v + quad], total0);
        if (QUADS > THREADS) {
          total1 = fma(p, value_cache[v + min(quad + THREADS, QUADS - 1u)], total1);
        }
      }
    }
    workgroupBarrier();
  }
  partials[thread] = total0;
  workgroupBarrier();
  if (thread < QUADS) {
    var total = partials[thread];
    for (var other = 1u; other < SLICES; other++) {
      total += partials[other * QUADS + thread];
    }
    output[q + thread] = total / denominator;
    if (QUADS > THREADS && thread + THREADS < QUADS) {
      output[q + thread + THREADS] = total1 / denominator;
    }
  }
}
