// Rényi-DP accounting of the Poisson-sampled Gaussian mechanism: Mironov, Talwar and Zhang, "Rényi Differential Privacy of
// the Sampled Gaussian Mechanism", arXiv 1908.10530; to (ε, δ) by Canonne, Kamath and Steinke, arXiv 2004.00010, prop. 12.

import { logErfc } from '#core/privacy/error-function.ts'
import { logBinomial } from '#core/privacy/log-binomial.ts'
import { checkMechanism, type SampledGaussian } from '#core/privacy/sampled-gaussian.ts'

export interface RdpBudget {
  readonly epsilon: number
  /** The order α that gave the smallest ε. */
  readonly order: number
}

/** 1.1 to 10.9 by tenths, 11 to 63, and four large ones for tiny ε. */
export const RDP_ORDERS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, index) => 1 + (index + 1) / 10),
  ...Array.from({ length: 53 }, (_, index) => index + 11),
  128,
  256,
  512,
  1024,
]

/** Terms of the series for a fractional order; it ends by itself long before. */
const MOST_TERMS = 10_000
/** e^-30 of the sum no longer changes it. */
const NEGLIGIBLE = 30

/** Rényi divergence of order `alpha` (above 1) of one step, add-or-remove-one adjacency. Infinite where it diverges. */
export function rdpOfStep({ sigma, q }: SampledGaussian, alpha: number): number {
  if (q === 0) return 0
  if (sigma === 0) return Infinity
  if (q === 1) return alpha / (2 * sigma * sigma)
  const logMoment = Number.isInteger(alpha) ? logMomentInteger(sigma, q, alpha) : logMomentFractional(sigma, q, alpha)
  return Math.max(0, logMoment / (alpha - 1))
}

/** ε at `delta` after `steps` steps. Throws `BAD_ARGUMENT` for values outside their range. */
export function rdpEpsilon(mechanism: SampledGaussian, steps: number, delta: number): RdpBudget {
  checkMechanism(mechanism, steps, delta)
  let best: RdpBudget = { epsilon: Infinity, order: Infinity }
  for (const order of RDP_ORDERS) {
    const epsilon = epsilonOf(steps * rdpOfStep(mechanism, order), order, delta)
    if (epsilon < best.epsilon) best = { epsilon, order }
  }
  return best
}

/** The (ε, δ) guarantee that a Rényi divergence of `rdp` at `order` implies. */
export function epsilonOf(rdp: number, order: number, delta: number): number {
  // δ is then at least the total variation that the divergence allows (Bretagnolle and Huber), and ε is 0.
  if (delta * delta + Math.expm1(-rdp) > 0) return 0
  return Math.max(0, rdp + Math.log1p(-1 / order) - Math.log(delta * order) / (order - 1))
}

/** ln of the α-th moment, a finite sum for integer α (§3.3, equation 9 of the paper). */
function logMomentInteger(sigma: number, q: number, alpha: number): number {
  const terms = Array.from(
    { length: alpha + 1 },
    (_, k) =>
      logBinomial(alpha, k) + k * Math.log(q) + (alpha - k) * Math.log1p(-q) + (k * k - k) / (2 * sigma * sigma),
  )
  const largest = Math.max(...terms)
  return largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0))
}

/**
 * ln of the α-th moment for fractional α: both halves of the integral as series (§3.3). Beyond α the binomials alternate; here
 * they count by magnitude, as Google's dp_accounting has it, so that ε is that library's to 1e-6. The exact value lies below:
 * by 2e-4 of ε at σ = 0.7, by less for more noise.
 */
function logMomentFractional(sigma: number, q: number, alpha: number): number {
  const middle = sigma * sigma * Math.log(1 / q - 1) + 0.5
  const spread = Math.SQRT2 * sigma
  // The sum is kept relative to its largest term so far: the terms grow far beyond a double's range.
  let scale = -Infinity
  let sum = 0
  let before = [Infinity, Infinity] as const
  for (let i = 0; i < MOST_TERMS; i++) {
    const j = alpha - i
    const log = logBinomial(alpha, i)
    const gauss = (x: number) => (x * x - x) / (2 * sigma * sigma) - Math.LN2
    const lower = log + i * Math.log(q) + j * Math.log1p(-q) + gauss(i) + logErfc((i - middle) / spread)
    const upper = log + j * Math.log(q) + i * Math.log1p(-q) + gauss(j) + logErfc((middle - j) / spread)
    const largest = Math.max(scale, lower, upper)
    sum = sum * Math.exp(scale - largest) + Math.exp(lower - largest) + Math.exp(upper - largest)
    scale = largest
    const total = scale + Math.log(sum)
    const falling = lower < before[0] && upper < before[1]
    if (falling && Math.max(lower, upper) < total - NEGLIGIBLE) return total
    before = [lower, upper]
  }
  return Infinity
}
