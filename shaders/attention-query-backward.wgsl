// The gradient of q: with p = exp(scale q·k - log(sum(exp))) and delta = output · output_gradient,
//   q_gradient = scale * sum over keys of p (output_gradient · v - delta) k
// keys in order. A thread takes two neighbouring columns of one head and leaves their delta for the gradient of k and v.
//
// Joined before: `const QUADS`, head size / 4.
@group(0) @binding(0) var<storage, read> ranges: array<vec2u>; // (columns, 0), then (start, end) by column
@group(0) @binding(1) var<storage, read> query: array<vec4f>;
@group(0) @binding(2) var<storage, read> key: array<vec4f>;
@group(0) @binding(3) var<storage, read> value: array<vec4f>;
@group(0) @binding(4) var<storage, read> output: array<vec4f>;
@group(0) @binding(5) var<storage, read> output_gradient: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> stats: array<vec2f>; // [column][head] = log(sum(exp)), delta
@group(0) @binding(7) var<storage, read_write> query_gradient: array<vec4f>;

override HEADS: u32;
override KV_HEADS: u32;
override SCALE: f32; // 1 / sqrt(head size)

fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
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
  var g0: array<vec4f, QUADS>;
  var g1: array<vec4f, QUADS>;
  var d0: array<vec4f, QUADS>;
  var d1: array<vec4f, QUADS>;
  var product0 = vec4f();
  var product1 = vec4f();
  for (var i = 0u; i < QUADS; i++) {
    let at0 = (c0 * HEADS + head) * QUADS + i;
    let at1 = (c1 * HEADS + head) * QUADS + i;
    q0[i] = query[at0] * SCALE;
    q1[i] = query[at1] * SCALE;
    g0[i] = output_gradient[at0];
    g1[i] = output_gradient[at1];
    product0 = fma(output[at0], g0[i], product0);
    product1 = fma(output[at1], g1[i], product1);
  }
  let delta0 = sum4(product0);
  let delta1 = sum4(product1);
  let mass0 = stats[c0 * HEADS + head].x;
  let mass1 = stats[c1 * HEADS + head].x;
  for (var position = ranges[1u + lead].x; position <= end; position++) {
    let at = position * stride + kv;
    var s0 = vec4f();
    var s1 = vec4f();
    var t0 = vec4f();
    var t1 = vec4f();
    for (var i = 0u; i < QUADS; i++) {
      let k = key[at + i];
      let v = value[at + i];
      s0 = fma(q0[i], k, s0);
      s1 = fma(q1[i], k, s1);
      t0 = fma(g0[i], v, t0);
      t1 = fma(g1[i], v, t1);
    }
    // A key outside the document could overflow exp.
    let seen0 = position >= start0 && position <= c0;
    let seen1 = position >= start1 && position <= c1;
    let p0 = select(0.0, exp(min(sum4(s0) - mass0, 0.0)), seen0);
    let p1 = select(0.0, exp(min(sum4(s1) - mass1, 0.0)), seen1);
    let w0 = vec4f(p0 * (sum4(t0) - delta0) * SCALE);
    let w1 = vec4f(p1 * (sum4(t1) - delta1) * SCALE);
    for (var i = 0u; i < QUADS; i++) {
      let k = key[at + i];
      d0[i] = fma(w0, k, d0[i]);
      d1[i] = fma(w1, k, d1[i]);
    }
  }
  if (column <= last) {
    for (var i = 0u; i < QUADS; i++) {
      query_gradient[(column * HEADS + head) * QUADS + i] = d0[i];
    }
    stats[column * HEADS + head] = vec2f(mass0, delta0);
  }
  if (column + 1u <= last) {
    for (var i = 0u; i < QUADS; i++) {
      query_gradient[((column + 1u) * HEADS + head) * QUADS + i] = d1[i];
    }
    stats[(column + 1u) * HEADS + head] = vec2f(mass1, delta1);
  }
}
