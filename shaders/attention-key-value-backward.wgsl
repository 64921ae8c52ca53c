// The gradients of k and v, with p and delta as in attention-query-backward:
//   v_gradient = sum over queries of p output_gradient
//   k_gradient = scale * sum over queries of p (output_gradient · v - delta) q
// over the heads of the group and, for each, the later columns of the document, in order. A thread takes two neighbouring
// columns of one key-value head.
//
// Joined before: `const QUADS`, head size / 4.
@group(0) @binding(0) var<storage, read> ranges: array<vec2u>; // (columns, 0), then (start, end) by column
@group(0) @binding(1) var<storage, read> query: array<vec4f>;
@group(0) @binding(2) var<storage, read> key: array<vec4f>;
@group(0) @binding(3) var<storage, read> value: array<vec4f>;
@group(0) @binding(4) var<storage, read> output_gradient: array<vec4f>;
@group(0) @binding(5) var<storage, read> stats: array<vec2f>; // [column][head] = log(sum(exp)), delta
@group(0) @binding(6) var<storage, read_write> key_gradient: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> value_gradient: array<vec4f>;

override HEADS: u32;
override KV_HEADS: u32;
override SCALE: f32; // 1 / sqrt(head size)

fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let columns = ranges[0].x;
  let kv_head = workgroup.y;
  let lead = (workgroup.x * 32u + (thread & ~3u)) * 2u;
  if (lead >= columns) {
    return;
  }
  let last = columns - 1u;
  let column = (workgroup.x * 32u + thread) * 2u;
  let c0 = min(column, last);
  let c1 = min(column + 1u, last);
  let end0 = ranges[1u + c0].y;
  let end1 = ranges[1u + c1].y;
  // Threads in fours share their bounds: the documents of eight columns end with the last one's.
  let end = ranges[1u + min(lead + 7u, last)].y;
  let group = HEADS / KV_HEADS;
  var k0: array<vec4f, QUADS>;
  var k1: array<vec4f, QUADS>;
  var v0: array<vec4f, QUADS>;
  var v1: array<vec4f, QUADS>;
  var dk0: array<vec4f, QUADS>;
  var dk1: array<vec4f, QUADS>;
  var dv0: array<vec4f, QUADS>;
  var dv1: array<vec4f, QUADS>;
  for (var i = 0u; i < QUADS; i++) {
    let at0 = (c0 * KV_HEADS + kv_head) * QUADS + i;
    let at1 = (c1 * KV_HEADS + kv_head) * QUADS + i;
    k0[i] = key[at0] * SCALE;
    k1[i] = key[at1] * SCALE;
    v0[i] = value[at0];
    v1[i] = value[at1];
  }
  for (var head = kv_head * group; head < (kv_head + 1u) * group; head++) {
    for (var position = lead; position < end; position++) {
      let row = position * HEADS + head;
      let stat = stats[row];
      let at = row * QUADS;
      var s0 = vec4f();
      var s1 = vec4f();
      var t0 = vec4f();
      var t1 = vec4f();
      for (var i = 0u; i < QUADS; i++) {
        let q = query[at + i];
        let g = output_gradient[at + i];
        s0 = fma(k0[i], q, s0);
        s1 = fma(k1[i], q, s1);
        t0 = fma(v0[i], g, t0);
        t1 = fma(v1[i], g, t1);
      }
      let seen0 = position >= c0 && position < end0;
      let seen1 = position >= c1 && position < end1;
      let p0 = select(0.0, exp(min(sum4(s0) - stat.x, 0.0)), seen0);
      let p1 = select(0.0, exp(min(sum4(s1) - stat.x, 0.0)), seen1);
      let w0 = p0 * (sum4(t0) - stat.y) * SCALE;
      let w1 = p1 * (sum4(t1) - stat.y) * SCALE;
      for (var i = 0u; i < QUADS; i++) {
        let q = query[at + i];
        let g = output_gradient[at + i];
        dk0[i] = fma(vec4f(w0), q, dk0[i]);
        dk1[i] = fma(vec4f(w1), q, dk1[i]);
        dv0[i] = fma(vec4f(p0), g, dv0[i]);
        dv1[i] = fma(vec4f(p1), g, dv1[i]);
      }
    }
  }
  if (column <= last) {
    for (var i = 0u; i < QUADS; i++) {
      key_gradient[(column * KV_HEADS + kv_head) * QUADS + i] = dk0[i];
      value_gradient[(column * KV_HEADS + kv_head) * QUADS + i] = dv0[i];
    }
  }
  if (column + 1u <= last) {
    for (var i = 0u; i < QUADS; i++) {
      key_gradient[((column + 1u) * KV_HEADS + kv_head) * QUADS + i] = dk1[i];
      value_gradient[((column + 1u) * KV_HEADS + kv_head) * QUADS + i] = dv1[i];
    }
  }
}
