// linear-input-gradient with both operands staged in workgroup memory: 64 inputs by 64 columns a workgroup of 128 threads,
// four inputs by eight columns a thread, 32 rows a round. What a GPU likes; 16 KiB of workgroup memory.
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight, lib/input-gradient.
@group(0) @binding(2) var<uniform> shape: MatrixShape;
@group(0) @binding(3) var<storage, read> step: Step;
@group(0) @binding(4) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<vec4f>;

// [row of the round][quad of inputs] and [row of the round][quad of columns]
var<workgroup> weights: array<vec4f, 512>;
var<workgroup> gradients: array<vec4f, 512>;

fn stage_weights(first_group: u32, first_row: u32, item: u32) {
  // Item: one octet of one row.
  let row = item / 8u;
  let octet = item % 4u;
  let half = (item / 4u) % 2u;
  let tile = min((first_row + row) / 8u, shape.tiles - 1u);
  let group = min(first_group + half, shape.groups - 1u);
  let scale = weight_scale(tile, row % 8u, group, shape.groups);
  let w = weight_values(weight_base(tile, row % 8u, group, shape.groups), octet, scale);
  weights[row * 16u + half * 8u + octet] = w.a;
  weights[row * 16u + half * 8u + octet + 4u] = w.b;
}

fn stage_gradients(first_column: u32, first_row: u32, item: u32) {
  // Item: four columns of one row. Rows past the end count as zero.
  let row = first_row + item / 16u;
  let column = first_column + (item % 16u) * 4u;
  let last = step.columns - 1u;
  let at = min(row, shape.rows - 1u) + shape.first_row;
  let g = vec4f(
    output_gradient[min(column, last) * shape.total_rows + at],
    output_gradient[min(column + 1u, last) * shape.total_rows + at],
    output_gradient[min(column + 2u, last) * shape.total_rows + at],
    output_gradient[min(column + 3u, last) * shape.total_rows + at],
  );
  gradients[item] = select(vec4f(), g, vec4<bool>(row < shape.rows));
}

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = (workgroup.y * workgroups.x + workgroup.x) * 2u;
  let column = workgroup.z * 64u;
  if (group >= shape.groups || column >= step.columns) {
    return;
  }
  let quad = thread % 16u;
  let columns = (thread / 16u) * 2u;
  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var c4 = vec4f();
  var c5 = vec4f();
  var c6 = vec4f();
  var c7 = vec4f();
  for (var row = 0u; row < shape.rows; row += 32u) {
    stage_weights(group, row, thread);
    stage_weights(group, row, thread + 128u);
    for (var item = thread; item < 512u; item += 128u) {
      stage_gradients(column, row, item);
    }
    workgroupBarrier();
    for (var k = 0u; k < 32u; k++) {
      let w = weights[k * 16u + quad];
      let a = gradients[k * 16u + columns];
      let b = gradients[k * 16u + columns + 1u];
      c0 = fma(w, vec4f(a.x), c0);
      c1 = fma(w, vec4f(a.y), c1);
      c2 = fma(w, vec4f(a.z), c2);
      c3 = fma(w, vec4f(a.w), c3);
      c4 = fma(w, vec4f(b.x), c4);
      c5 = fma(w, vec4f(b.y), c5);
      c6 = fma(w, vec4f(b.z), c6);
      c7 = fma(w, vec4f(b.w), c7);
    }
    workgroupBarrier();
  }
  let first = column + columns * 4u;
  let own = group * 8u + quad;
  put(first, own, c0);
  put(first + 1u, own, c1);
  put(first + 2u, own, c2);
  put(first + 3u, own, c3);
  put(first + 4u, own, c4);
  put(first + 5u, own, c5);
  put(first + 6u, own, c6);
  put(first + 7u, own, c7);
}
