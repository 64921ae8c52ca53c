// Rotates q in place, rotates k and writes k and v into the KV cache at their positions. One thread a pair of elements:
// first the pairs of q, then those of k and v.
//
// Joined before: lib/step.
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> table: array<vec2f>; // [position][pair] = cos, sin
@group(0) @binding(2) var<storage, read_write> query: array<f32>;
@group(0) @binding(3) var<storage, read> key: array<f32>;
@group(0) @binding(4) var<storage, read> value: array<f32>;
@group(0) @binding(5) var<storage, read_write> key_cache: array<f32>;
@group(0) @binding(6) var<storage, read_write> value_cache: array<f32>;

override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32;
// Rotated dimensions of a head; 0 for learned positions.
override DIMENSIONS: u32 = 0;
override INTERLEAVED: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let pairs = HEAD_DIM / 2u;
  let head = id.x / pairs;
  let pair = id.x % pairs;
  let column = id.y;
  if (head >= HEADS + KV_HEADS || column >= step.columns) {
    return;
  }
  let position = step.position + column;
  // The two elements this pair rotates; past DIMENSIONS they pass as they are.
  var i = 2u * pair;
  var j = i + 1u;
  let rotated = pair < DIMENSIONS / 2u;
  if (rotated && !INTERLEAVED) {
    i = pair;
    j = pair + DIMENSIONS / 2u;
  }
  var turn = vec2f(1.0, 0.0);
  if (rotated) {
    turn = table[position * (DIMENSIONS / 2u) + pair];
  }
  if (head < HEADS) {
    if (rotated) {
      let first = ((step.first + column) * HEADS + head) * HEAD_DIM;
      let a = query[first + i];
      let b = query[first + j];
      query[first + i] = a * turn.x - b * turn.y;
      query[first + j] = a * turn.y + b * turn.x;
    }
    return;
  }
  let source = ((step.first + column) * KV_HEADS + head - HEADS) * HEAD_DIM;
  let target_base = (position * KV_HEADS + head - HEADS) * HEAD_DIM;
  let a = key[source + i];
  let b = key[source + j];
  if (rotated) {
    key_cache[target_base + i] = a * turn.x - b * turn.y;
    key_cache[target_base + j] = a * turn.y + b * turn.x;
  } else {
    key_cache[target_base + i] = a;
    key_cache[target_base + j] = b;
  }
  value_cache[target_base + i] = value[source + i];
  value_cache[target_base + j] = value[source + j];
}
