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

// The octets of a group, unscaled, and its scales.
struct QuantGroup {
  q0: Octet,
  q1: Octet,
  q2: Octet,
  q3: Octet,
  scale: Scale,
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

// 32 inputs of one column, and their sum for formats with an offset.
struct Inputs {
  x0: vec4f,
  x1: vec4f,
  x2: vec4f,
  x3: vec4f,
  x4: vec4f,
  x5: vec4f,
  x6: vec4f,
  x7: vec4f,
  sum: f32,
}

// Horizontal sum in one fixed order (`dot` leaves it to the driver).
fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}
