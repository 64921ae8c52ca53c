// linear-weight-gradient with both operands staged in workgroup memory: 64 rows by 64 inputs a workgroup of 128 threads, four
// rows by eight inputs a thread, 32 columns a round. What a GPU likes; 16 KiB of workgroup memory.
//
// Joined before: lib/step, lib/quant (MatrixShape).
@group(0) @binding(0) var<uniform> shape: MatrixShape;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> input: array<vec4f>;
@group(0) @binding(3) var<storage, read> output_gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>; // [chunk][tile][input][half of 8 rows]

override CHUNK: u32;
override ACCUMULATE: bool = false;

// [column of the round][quad of rows] and [column of the round][quad of inputs]
var<workgroup> gradients: array<vec4f, 512>;
var<workgroup> inputs: array<vec4f, 512>;

fn put(chunk: u32, row: u32, i: u32, sum: vec4f) {
  let width = shape.groups * 32u;
  if (i >= width || row >= shape.tiles * 8u) {
    return;
  }
  // Padding, of inputs and of rows, has gradient zero.
  let used = (vec4u(row) + vec4u(0u, 1u, 2u, 3u) < vec4u(shape.rows)) & vec4<bool>(i < shape.quads * 4u);
  let value = select(vec4f(), sum, used);
  let index = ((chunk * shape.tiles + row / 8u) * width + i) * 2u + (row / 4u) % 2u;
  if (ACCUMULATE) {
    sums[index] = sums[index] + value;
  } else {
    sums[index] = value;
  }
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = workgroup.y * 64u;
  let quad = workgroup.x * 16u;
  let chunk = workgroup.z;
  let rows = thread % 16u;
  let others = (thread / 16u) * 2u;
  let last_row = shape.rows - 1u;
  let last_column = step.columns - 1u;
  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var c4 = vec4f();
  var c5 = vec4f();
  var c6 = vec4f();
  var c7 = vec4f();
  let end = min((chunk + 1u) * CHUNK, step.columns);
  for (var first = chunk * CHUNK; first < end; first += 32u) {
    for (var item = thread; item < 512u; item += 128u) {
      let column = first + item / 16u;
      let part = item % 16u;
      let x = input[min(column, last_column) * shape.quads + min(quad + part, shape.quads - 1u)];
      // Columns past the chunk count as zero.
      inputs[item] = select(vec4f(), x, vec4<bool>(column < end));
      let at = min(column, last_column) * shape.total_rows;
      let own = row + part * 4u;
      gradients[item] = vec4f(
        output_gradient[at + min(own, last_row)],
        output_gradient[at + min(own + 1u, last_row)],
        output_gradient[at + min(own + 2u, last_row)],
        output_gradient[at + min(own + 3u, last_row)],
      );
    }
    workgroupBarrier();
    for (var k = 0u; k < 32u; k++) {
      let g = gradients[k * 16u + rows];
      let a = inputs[k * 16u + others];
      let b = inputs[k * 16u + others + 1u];
      c0 = fma(g, vec4f(a.x), c0);
      c1 = fma(g, vec4f(a.y), c1);
      c2 = fma(g, vec4f(a.z), c2);
      c3 = fma(g, vec4f(a.w), c3);
      c4 = fma(g, vec4f(b.x), c4);
      c5 = fma(g, vec4f(b.y), c5);
      c6 = fma(g, vec4f(b.z), c6);
      c7 = fma(g, vec4f(b.w), c7);
    }
    workgroupBarrier();
  }
  let own = row + rows * 4u;
  let i = (quad + others) * 4u;
  put(chunk, own, i, c0);
  put(chunk, own, i + 1u, c1);
  put(chunk, own, i + 2u, c2);
  put(chunk, own, i + 3u, c3);
  put(chunk, own, i + 4u, c4);
  put(chunk, own, i + 5u, c5);
  put(chunk, own, i + 6u, c6);
  put(chunk, own, i + 7u, c7);
}
