// Grouped-query attention of a batch: column c attends to the columns of its document up to its own, keys in order, four at
// a time with a running maximum (Dao et al. 2022, arXiv:2205.14135), so that no T x T matrix is kept: only log(sum(exp)) of
// every row, for the backward. A thread takes two neighbouring columns of one head. Threads in fours share their
// bounds, so that they stay in step.
//
// Joined before: `const QUADS`, head size / 4.
@group(0) @binding(0) var<storage, read> ranges: array<vec2u>; // (columns, 0), then (start, end) by column
@group(0) @binding(1) var<storage, read> query: array<vec4f>;
@group(0) @binding(2) var<storage, read> key: array<vec4f>;
@group(0) @binding(3) var<storage, read> value: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>; // [column][head] = log(sum(exp)), untouched

override HEADS: u32;
override KV_HEADS: u32;
override SCALE: f32; // 1 / sqrt(head size)

const LOWEST = vec4f(-3.4e38);

fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

fn max4(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let columns = ranges[0].x;
  let head = workgroup.y;
  let lead = (workgroup.x * 32u + (thread & ~3u)) * 2u;
  if (lead >= columns) {
    return;
  }
  let last = columns - 1u;
  let column = (workgroup.x * 32u + thread) * 2u;
  let c0 = min(column, last);
  let c1 = min(column + 1u, last);
  let start0 = ranges[1u + c0].x;
  let start1 = ranges[1u + c1].x;
  let end = min(lead + 7u, last);
  let stride = KV_HEADS * QUADS;
  let kv = (head / (HEADS / KV_HEADS)) * QUADS;
  var q0: array<vec4f, QUADS>;
  var q1: array<vec4f, QUADS>;
  var o0: array<vec4f, QUADS>;
  var o1: array<vec4f, QUADS>;
  for (var i = 0u; i < QUADS; i++) {
    q0[i] = query[(c0 * HEADS + head) * QUADS + i] * SCALE;
    q1[i] = query[(c1 * HEADS + head) * QUADS + i] * SCALE;
  }
  var maximum0 = LOWEST.x;
  var maximum1 = LOWEST.x;
  var mass0 = 0.0;
  var mass1 = 0.0;
  for (var first = ranges[1u + lead].x; first <= end; first += 4u) {
    let positions = vec4u(first) + vec4u(0u, 1u, 2u, 3u);
    let at = min(positions, vec4u(end)) * stride + kv;
    var s00 = vec4f();
    var s01 = vec4f();
    var s02 = vec4f();
    var s03 = vec4f();
    var s10 = vec4f();
    var s11 = vec4f();
    var s12 = vec4f();
    var s13 = vec4f();
    for (var i = 0u; i < QUADS; i++) {
      let a = q0[i];
      let b = q1[i];
      let k0 = key[at.x + i];
      let k1 = key[at.y + i];
      let k2 = key[at.z + i];
      let k3 = key[at.w + i];
      s00 = fma(a, k0, s00);
      s01 = fma(a, k1, s01);
      s02 = fma(a, k2, s02);
      s03 = fma(a, k3, s03);
      s10 = fma(b, k0, s10);
      s11 = fma(b, k1, s11);
      s12 = fma(b, k2, s12);
      s13 = fma(b, k3, s13);
    }
    let seen0 = (positions >= vec4u(start0)) & (positions <= vec4u(c0));
    let seen1 = (positions >= vec4u(start1)) & (positions <= vec4u(c1));
    let scores0 = select(LOWEST, vec4f(sum4(s00), sum4(s01), sum4(s02), sum4(s03)), seen0);
    let scores1 = select(LOWEST, vec4f(sum4(s10), sum4(s11), sum4(s12), sum4(s13)), seen1);
    let next0 = max(maximum0, max4(scores0));
    let next1 = max(maximum1, max4(scores1));
    let p0 = select(vec4f(), exp(scores0 - next0), seen0);
    let p1 = select(vec4f(), exp(scores1 - next1), seen1);
    let fade0 = exp(maximum0 - next0);
    let fade1 = exp(maximum1 - next1);
    maximum0 = next0;
    maximum1 = next1;
    mass0 = fma(mass0, fade0, sum4(p0));
    mass1 = fma(mass1, fade1, sum4(p1));
    for (var i = 0u; i < QUADS; i++) {
      let v0 = value[at.x + i];
      let v1 = value[at.y + i];
      let v2 = value[at.z + i];
      let v3 = value[at.w + i];
      o0[i] = fma(vec4f(p0.w), v3, fma(vec4f(p0.z), v2, fma(vec4f(p0.y), v1, fma(vec4f(p0.x), v0, o0[i] * fade0))));
      o1[i] = fma(vec4f(p1.w), v3, fma(vec4f(p1.z), v2, fma(vec4f(p1.y), v1, fma(vec4f(p1.x), v0, o1[i] * fade1))));
    }
  }
  if (column <= last) {
    for (var i = 0u; i < QUADS; i++) {
      output[(column * HEADS + head) * QUADS + i] = o0[i] / mass0;
    }
    stats[column * HEADS + head] = vec2f(maximum0 + log(mass0), 0.0);
  }
  if (column + 1u <= last) {
    for (var i = 0u; i < QUADS; i++) {
      output[((column + 1u) * HEADS + head) * QUADS + i] = o1[i] / mass1;
    }
    stats[(column + 1u) * HEADS + head] = vec2f(maximum1 + log(mass1), 0.0);
  }
}
