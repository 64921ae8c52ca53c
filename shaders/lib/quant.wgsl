// Shapes that every block format shares. A row is cut into groups of 32 elements; octet `o` of a group is its elements
// 4o..4o+3 (`a`) and 16+4o..16+4o+3 (`b`), the order in which ggml packs low and high nibbles.
struct Octet {
  a: vec4f,
  b: vec4f,
}

// value = quant * (low for `a`, high for `b`) + offset
struct Scale {
  low: f32,
  high: f32,
  offset: f32,
}

// One slab of a matrix; see worker/gpu/matrix.ts.
struct MatrixShape {
  first_row: u32,    // of this slab in the matrix
  rows: u32,         // in this slab
  total_rows: u32,   // of the matrix: the stride between output columns
  groups: u32,       // of 32 elements in a row, the last one padded with zeros
  quads: u32,        // inputs / 4: the stride between input columns
  tiles: u32,        // of 8 rows in this slab, the last one padded with zeros
  spare0: u32,
  spare1: u32,
}

// A group's products of quants and inputs, and the inputs' own sum for formats with an offset; four lanes each.
struct Partial {
  products: vec4f,
  inputs: vec4f,
}

// Horizontal sum in one fixed order (`dot` leaves it to the driver).
fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}
