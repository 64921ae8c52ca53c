// output[c] (+)= W[index of c]: rows gathered by token id or by position, one octet a thread. A slab writes only the
// columns whose row it holds. The columns are those of one session (positions) or of the whole step (tokens).
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight.
@group(0) @binding(2) var<uniform> shape: MatrixShape;
@group(0) @binding(3) var<storage, read> step: Step;
@group(0) @binding(4) var<storage, read_write> output: array<vec4f>;

override BY_POSITION: bool = false;
override ACCUMULATE: bool = false;

fn put(column: u32, quad: u32, value: vec4f) {
  if (quad >= shape.quads) {
    return;
  }
  let index = column * shape.quads + quad;
  if (ACCUMULATE) {
    output[index] = output[index] + value;
  } else {
    output[index] = value;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let group = id.x / 4u;
  let octet = id.x % 4u;
  let column = id.y;
  if (group >= shape.groups || column >= step.columns) {
    return;
  }
  var row = step.position + column;
  if (!BY_POSITION) {
    row = step.tokens[column];
  }
  if (row < shape.first_row || row - shape.first_row >= shape.rows) {
    return;
  }
  row -= shape.first_row;
  let scale = weight_scale(row / 8u, row % 8u, group, shape.groups);
  let values = weight_values(weight_base(row / 8u, row % 8u, group, shape.groups), octet, scale);
  put(step.first + column, group * 8u + octet, values.a);
  put(step.first + column, group * 8u + octet + 4u, values.b);
}
