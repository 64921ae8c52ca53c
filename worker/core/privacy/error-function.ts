// The complementary error function and the normal tail, to about 1e-13 relative, in the logarithm where they underflow.

/** Terms of the series and steps of the fraction; both end earlier by their own test. */
const MOST_STEPS = 500
const CROSSOVER = 2

/** erf by its series without alternating signs (Abramowitz and Stegun 7.1.6); for |x| below `CROSSOVER`. */
function erfSeries(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; n < MOST_STEPS && Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** exp(x²) · erfc(x) for x of `CROSSOVER` and above: the continued fraction 7.1.14, by Lentz's method. */
function scaledErfc(x: number): number {
  let value = x
  let c = x
  let d = 0
  for (let n = 1; n < MOST_STEPS; n++) {
    const a = n / 2
    d = 1 / (x + a * d)
    c = x + a / c
    value *= c * d
    if (Math.abs(c * d - 1) < 1e-16) break
  }
  return 1 / (Math.sqrt(Math.PI) * value)
}

export function erfc(x: number): number {
  if (x >= CROSSOVER) return Math.exp(-x * x) * scaledErfc(x)
  return x <= -CROSSOVER ? 2 - Math.exp(-x * x) * scaledErfc(-x) : 1 - erfSeries(x)
}

export function logErfc(x: number): number {
  return x >= CROSSOVER ? Math.log(scaledErfc(x)) - x * x : Math.log(erfc(x))
}

/** The probability that a standard normal variable is above `x`. */
export function normalTail(x: number): number {
  return erfc(x / Math.SQRT2) / 2
}

/** Its logarithm, also where it underflows. */
export function logNormalTail(x: number): number {
  return logErfc(x / Math.SQRT2) - Math.LN2
}
