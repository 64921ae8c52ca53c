// Inputs, epilogue and bindings that every product with a weight matrix shares. The weights bind at 0 and 1.
@group(0) @binding(2) var<uniform> shape: MatrixShape;
@group(0) @binding(3) var<storage, read> step: Step;
@group(0) @binding(4) var<storage, read> input: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;

override HAS_BIAS: bool = false;
// Adds into `output` (the residual stream) instead of overwriting it.
override ACCUMULATE: bool = false;

// Where the weights are padded with zeros the index stays within the column.
fn input_quad(column: u32, quad: u32) -> vec4f {
  return input[column * shape.quads + min(quad, shape.quads - 1u)];
}

fn store(tile: u32, lane: u32, column: u32, sum: f32) {
  let row = tile * 8u + lane;
  if (row >= shape.rows || column >= step.columns) {
    return;
  }
  let matrix_row = shape.first_row + row;
  var value = sum;
  if (HAS_BIAS) {
    value += bias[matrix_row];
  }
  let index = column * shape.total_rows + matrix_row;
  if (ACCUMULATE) {
    value += output[index];
  }
  output[index] = value;
}
