// Grouped-query attention of four neighbouring columns of one head over the KV cache, one workgroup each: a key or
// value read serves four columns, held as the components of vectors. Otherwise as attention-decode.wgsl; no score
// outlives its round.
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

var<workgroup> scores: array<vec4f, THREADS>;
var<workgroup> partials: array<mat4x4f, THREADS>;

const LOWEST = vec4f(-3.4e38);

fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = workgroup.x;
  let column = workgroup.y * 4u;
  if (column >= step.columns) {
    return;
  }
  let kv_head = head / (HEADS / KV_HEADS);
  let stride = KV_HEADS * QUADS;
  let kv = kv_head * QUADS;
  let last = step.columns - 1u;
  let columns = min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(last));
  let q = (columns * HEADS + vec4u(head)) * QUADS;
  let positions = columns + vec4u(step.position);
  let length = positions.w + 1u;
  let slice = thread / QUADS;
  let quad = thread % QUADS;
  let sums = slice < SLICES;
  // Quads of the head in steps of THREADS: one round of them unless the head is wider than 4 * THREADS.
  for (var part = 0u; part < QUADS; part += THREADS) {
    var maximum = LOWEST;
    var denominator = vec4f();
    var total0 = vec4f();
    var total1 = vec4f();
    var total2 = vec4f();
    var total3 = vec4f();
    let mine = min(part + quad, QUADS - 1u);
    for (var first = 0u; first < length; first += THREADS) {
      let position = first + thread;
      let seen = vec4u(position) <= positions;
      var score = LOWEST;
      if (position < length) {
        let k = position * stride + kv;
        var s0 = vec4f();
        var s1 = vec4f();
        var s2 = vec4f();
        var s3 = vec4f();
        for (var i = 0u; i < QUADS; i++) {
          let key = key_cache[k + i];
          s0 = fma(query[q.x + i], key, s0);
          s1 = fma(query[q.y + i], key, s1);
          s2 = fma(query[q.z + i], key, s2);
          s3 = fma(query[q.w + i], key, s3);
        }
        score = select(LOWEST, vec4f(sum4(s0), sum4(s1), sum4(s2), sum4(s3)) * SCALE, seen);
      }
      scores[thread] = score;
      workgroupBarrier();
      var next = maximum;
      for (var other = 0u; other < THREADS; other++) {
        next = max(next, scores[other]);
      }
      workgroupBarrier();
      scores[thread] = select(vec4f(), exp(score - next), seen);
      workgroupBarrier();
      let fade = exp(maximum - next);
      maximum = next;
      let count = min(THREADS, length - first);
      var mass = vec4f();
      for (var other = 0u; other < count; other++) {
        mass += scores[other];
      }
      denominator = fma(denominator, fade, mass);
      total0 *= fade.x;
      total1 *= fade.y;
      total2 *= fade.z;
      total3 *= fade.w;
      if (sums) {
        for (var other = slice; other < count; other += SLICES) {
          let value = value_cache[(first + other) * stride + kv + mine];
          let p = scores[other];
          total0 = fma(vec4f(p.x), value, total0);
          total1 = fma(vec4f(p.y), value, total1);
          total2 = fma(vec4f(p.z), value, total2);
          total3 = fma(vec4f(p.w), value, total3);
        }
      }
      workgroupBarrier();
    }
    partials[thread] = mat4x4f(total0, total1, total2, total3);
    workgroupBarrier();
    if (thread < QUADS && part + thread < QUADS) {
      var total = partials[thread];
      for (var other = 1u; other < SLICES; other++) {
        total += partials[other * QUADS + thread];
      }
      output[q.x + part + thread] = total[0] / denominator.x;
      if (column + 1u <= last) {
        output[q.y + part + thread] = total[1] / denominator.y;
      }
      if (column + 2u <= last) {
        output[q.z + part + thread] = total[2] / denominator.z;
      }
      if (column + 3u <= last) {
        output[q.w + part + thread] = total[3] / denominator.w;
      }
    }
    workgroupBarrier();
  }
}
