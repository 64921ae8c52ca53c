// Derivatives of lib/activation's functions. Joined after it.

// s (1 + x (1 - s)), s = sigmoid(x)
fn silu_slope(x: f32) -> f32 {
  let s = 1.0 / (1.0 + exp(min(-x, 80.0)));
  return s * fma(x, 1.0 - s, 1.0);
}

// x s(2u) differentiated: s + 2 x u' s (1 - s), u' = sqrt(2/pi) (1 + 3 * 0.044715 x^2)
fn gelu_slope(x: f32) -> f32 {
  let u = 0.7978845608028654 * (x + 0.044715 * x * x * x);
  let s = 1.0 / (1.0 + exp(min(-2.0 * u, 80.0)));
  let slope = 0.7978845608028654 * fma(0.134145 * x, x, 1.0);
  return fma(2.0 * x * slope, s * (1.0 - s), s);
}
