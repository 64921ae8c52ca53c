// Rotates every head of [columns, heads, head size] in place by its column's position, or back (the backward: the rotation
// is orthogonal). One thread a pair of elements; dimensions past DIMENSIONS stay.
//
// Joined before: lib/step (whose tokens are positions here).
@group(0) @binding(0) var<storage, read> step: Step;
@group(0) @binding(1) var<storage, read> table: array<vec2f>; // [position][pair] = cos, sin
@group(0) @binding(2) var<storage, read_write> data: array<f32>;

override HEADS: u32;
override HEAD_DIM: u32;
override DIMENSIONS: u32;
override INTERLEAVED: bool = false;
override BACK: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let pairs = DIMENSIONS / 2u;
  let head = id.x / pairs;
  let pair = id.x % pairs;
  let column = id.y;
  if (head >= HEADS || column >= step.columns) {
    return;
  }
  var i = pair;
  var j = pair + pairs;
  if (INTERLEAVED) {
    i = 2u * pair;
    j = i + 1u;
  }
  let first = (column * HEADS + head) * HEAD_DIM;
  var turn = table[step.tokens[column] * pairs + pair];
  if (BACK) {
    turn.y = -turn.y;
  }
  let a = data[first + i];
  let b = data[first + j];
  data[first + i] = a * turn.x - b * turn.y;
  data[first + j] = a * turn.y + b * turn.x;
}
