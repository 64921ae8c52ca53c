// The prefill product with both operands staged in workgroup memory: 64 rows by 64 columns a workgroup of 128 threads,
// four rows by eight columns a thread, 32 inputs a round. What a GPU likes; 16 KiB of workgroup memory.
//
// Joined before: lib/step, lib/quant, a snippet of quant/, lib/weight, lib/linear.

// [input of the round][quad of rows] and [input of the round][quad of columns]
var<workgroup> weights: array<vec4f, 512>;
var<workgroup> inputs: array<vec4f, 512>;

fn stage_weights(tile: u32, group: u32, item: u32) {
  // Item: one octet of four rows of one tile.
  let octet = item / 16u;
  let rows = item % 16u;
  let row_tile = min(tile + rows / 2u, shape.tiles - 1u);
  let lane = (rows % 2u) * 4u;
  let base = weight_base(row_tile, lane, group, shape.groups);
  let w0 = weight_values(base, octet, weight_scale(row_tile, lane, group, shape.groups));
  let w1 = weight_values(base + 1u, octet, weight_scale(row_tile, lane + 1u, group, shape.groups));
  let w2 = weight_values(base + 2u, octet, weight_scale(row_tile, lane + 2u, group, shape.groups));
  let w3 = weight_values(base + 3u, octet, weight_scale(row_tile, lane + 3u, group, shape.groups));
  let a = octet * 64u + rows;
  let b = a + 256u;
  weights[a] = vec4f(w0.a.x, w1.a.x, w2.a.x, w3.a.x);
  weights[a + 16u] = vec4f(w0.a.y, w1.a.y, w2.a.y, w3.a.y);
  weights[a + 32u] = vec4f(w0.a.z, w1.a.z, w2.a.z, w3.a.z);
  weights[a + 48u] = vec4f(w0.a.w, w1.a.w, w2.a.w, w3.a.w);
  weights[b] = vec4f(w0.b.x, w1.b.x, w2.b.x, w3.b.x);
  weights[b + 16u] = vec4f(w0.b.y, w1.b.y, w2.b.y, w3.b.y);
  weights[b + 32u] = vec4f(w0.b.z, w1.b.z, w2.b.z, w3.b.z);
  weights[b + 48u] = vec4f(w0.b.w, w1.b.w, w2.b.w, w3.b.w);
}

fn stage_inputs(column: u32, group: u32, item: u32) {
  // Item: four inputs of four columns.
  let quad = item % 8u;
  let columns = item / 8u;
  let first = column + columns * 4u;
  let x0 = input_quad(first, group * 8u + quad);
  let x1 = input_quad(first + 1u, group * 8u + quad);
  let x2 = input_quad(first + 2u, group * 8u + quad);
  let x3 = input_quad(first + 3u, group * 8u + quad);
  let a = quad * 64u + columns;
  inputs[a] = vec4f(x0.x, x1.x, x2.x, x3.x);
  inputs[a + 16u] = vec4f(x0.y, x1.y, x2.y, x3.y);
  inputs[a + 32u] = vec4f(x0.z, x1.z, x2.z, x3.z);
  inputs[a + 48u] = vec4f(x0.w, x1.w, x2.w, x3.w);
}

fn store_rows(row: u32, column: u32, sums: vec4f) {
  store(row / 8u, row % 8u, column, sums.x);
  store(row / 8u, row % 8u + 1u, column, sums.y);
  store(row / 8u, row % 8u + 2u, column, sums.z);
  store(row / 8u, row % 8u + 3u, column, sums.w);
}

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = (workgroup.y * workgroups.x + workgroup.x) * 8u;
  let column = workgroup.z * 64u;
  if (tile >= shape.tiles || column >= step.columns) {
    return;
  }
  let rows = thread % 16u;
  let columns = (thread / 16u) * 2u;
  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var c4 = vec4f();
  var c5 = vec4f();
  var c6 = vec4f();
  var c7 = vec4f();
  for (var group = 0u; group < shape.groups; group++) {
    if (thread < 64u) {
      stage_weights(tile, group, thread);
    } else {
      stage_inputs(column, group, thread - 64u);
      stage_inputs(column, group, thread);
    }
    workgroupBarrier();
    for (var k = 0u; k < 32u; k++) {
      let w = weights[k * 16u + rows];
      let a = inputs[k * 16u + columns];
      let b = inputs[k * 16u + columns + 1u];
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
  let row = tile * 8u + rows * 4u;
  let first = column + columns * 4u;
  store_rows(row, first, c0);
  store_rows(row, first + 1u, c1);
  store_rows(row, first + 2u, c2);
  store_rows(row, first + 3u, c3);
  store_rows(row, first + 4u, c4);
  store_rows(row, first + 5u, c5);
  store_rows(row, first + 6u, c6);
  store_rows(row, first + 7u, c7);
}
