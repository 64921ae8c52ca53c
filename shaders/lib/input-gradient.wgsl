// Where the products that give an input's gradient leave it. Joined by shaders that bind `shape`, `step` and
// `input_gradient`, [column][quad of inputs].

// Adds into the gradient instead of overwriting it.
override ACCUMULATE: bool = false;

fn put(column: u32, quad: u32, value: vec4f) {
  if (column >= step.columns || quad >= shape.quads) {
    return;
  }
  let index = column * shape.quads + quad;
  if (ACCUMULATE) {
    input_gradient[index] = input_gradient[index] + value;
  } else {
    input_gradient[index] = value;
  }
}
