// The discrete Fourier transform of complex sequences whose length is a power of two (Cooley and Tukey, radix 2).

/** In place; `inverse` divides by the length. */
export function transform(real: Float64Array, imaginary: Float64Array, inverse = false): void {
  const n = real.length
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) {
      swap(real, i, j)
      swap(imaginary, i, j)
    }
  }
  // Every root is computed by itself: a recurrence would lose digits that the tails need.
  const cosines = new Float64Array(n / 2)
  const sines = new Float64Array(n / 2)
  const turn = (inverse ? 2 : -2) * Math.PI
  for (let k = 0; k < n / 2; k++) {
    cosines[k] = Math.cos((turn * k) / n)
    sines[k] = Math.sin((turn * k) / n)
  }
  for (let span = 2; span <= n; span *= 2) {
    const half = span / 2
    const stride = n / span
    for (let start = 0; start < n; start += span) {
      for (let k = 0; k < half; k++) {
        const even = start + k
        const odd = even + half
        const wr = cosines[k * stride]!
        const wi = sines[k * stride]!
        const r = real[odd]! * wr - imaginary[odd]! * wi
        const i = real[odd]! * wi + imaginary[odd]! * wr
        real[odd] = real[even]! - r
        imaginary[odd] = imaginary[even]! - i
        real[even]! += r
        imaginary[even]! += i
      }
    }
  }
  if (!inverse) return
  for (let i = 0; i < n; i++) {
    real[i]! /= n
    imaginary[i]! /= n
  }
}

function swap(values: Float64Array, i: number, j: number): void {
  const kept = values[i]!
  values[i] = values[j]!
  values[j] = kept
}
