// x * sigmoid(x). The bound keeps exp finite: infinities are not portable, and beyond it the result is 0 anyway.
fn silu(x: f32) -> f32 {
  return x / (1.0 + exp(min(-x, 80.0)));
}

// GELU in its tanh form: 0.5 x (1 + tanh(u)) = x * sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
fn gelu(x: f32) -> f32 {
  let u = 0.7978845608028654 * (x + 0.044715 * x * x * x);
  return x / (1.0 + exp(min(-2.0 * u, 80.0)));
}
