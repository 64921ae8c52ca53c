// Accounting by the privacy loss distribution, tighter than Rényi-DP: the loss of one step on a grid that never understates
// it (Doroshenko et al., "Connect the Dots", arXiv 2207.04380), composed by Fourier transform (Koskela et al., arXiv
// 1906.03049).

import { logNormalTail, normalTail } from '#core/privacy/error-function.ts'
import { transform } from '#core/privacy/fourier.ts'
import { rdpEpsilon } from '#core/privacy/rdp-accountant.ts'
import { checkMechanism, type SampledGaussian } from '#core/privacy/sampled-gaussian.ts'

/** Grid step of the loss, the finest that keeps the grid within `MOST_POINTS`. */
const FINEST_INTERVAL = 1e-4
const MOST_POINTS = 2 ** 21
/** Range of one step's loss, at most: about that of σ = 0.05. */
const WIDEST_LOSS = 400
/** Probability that may fall outside the grid; all of it is counted as infinite loss. */
const TAIL = 1e-13

/** ε at `delta` after `steps` steps, the larger of adding and of removing a record. Throws `BAD_ARGUMENT`. */
export function pldEpsilon(mechanism: SampledGaussian, steps: number, delta: number): number {
  checkMechanism(mechanism, steps, delta)
  if (steps === 0 || mechanism.q === 0) return 0
  const directions = [createRemoval(mechanism), createAddition(mechanism)]
  // With next to no noise a step's loss outgrows any grid; the Rényi figure, which bounds this one, stands in.
  if (directions.some(({ lowest, highest }) => highest - lowest > WIDEST_LOSS)) {
    return rdpEpsilon(mechanism, steps, delta).epsilon
  }
  return Math.max(...directions.map((direction) => epsilonOfDirection(direction, steps, delta)))
}

/** One step's hockey-stick divergence δ(ε) in one direction of adjacency, and the range its loss lies in. */
interface Direction {
  delta(epsilon: number): number
  readonly lowest: number
  readonly highest: number
}

/** How many standard deviations hold all but a negligible part of a normal variable. */
const REACH = 9

/** From the batch with the record, (1-q) N(0, σ²) + q N(1, σ²), to the one without, N(0, σ²): the loss grows with x. */
function createRemoval({ sigma, q }: SampledGaussian): Direction {
  const loss = (x: number) => Math.log1p(q * Math.expm1((2 * x - 1) / (2 * sigma * sigma)))
  return {
    lowest: loss(-REACH * sigma),
    highest: loss(1 + REACH * sigma),
    delta(epsilon) {
      const ratio = q + Math.expm1(epsilon)
      if (ratio <= 0) return -Math.expm1(epsilon)
      // e^ε passes a double's range where little noise makes large losses: it only ever meets a tail as small.
      const logRatio = epsilon > 1 ? epsilon + Math.log1p((q - 1) * Math.exp(-epsilon)) : Math.log(ratio)
      const x = sigma * sigma * (logRatio - Math.log(q)) + 0.5
      const withRecord = (1 - q) * normalTail(x / sigma) + q * normalTail((x - 1) / sigma)
      return Math.max(0, withRecord - Math.exp(epsilon + logNormalTail(x / sigma)))
    },
  }
}

/** The other way: the loss falls with x and never passes -ln(1-q). */
function createAddition({ sigma, q }: SampledGaussian): Direction {
  const loss = (x: number) => -Math.log1p(q * Math.expm1((2 * x - 1) / (2 * sigma * sigma)))
  return {
    lowest: loss(REACH * sigma),
    highest: loss(-REACH * sigma),
    delta(epsilon) {
      const ratio = (Math.exp(-epsilon) - (1 - q)) / q
      if (ratio <= 0) return 0
      const x = sigma * sigma * Math.log(ratio) + 0.5
      const without = normalTail(-x / sigma)
      return Math.max(
        0,
        (1 - Math.exp(epsilon) * (1 - q)) * without - Math.exp(epsilon) * q * normalTail((1 - x) / sigma),
      )
    },
  }
}

/** A distribution on the grid `lowest + k · interval`, and the probability of infinite loss. */
interface LossGrid {
  readonly masses: Float64Array
  readonly lowest: number
  readonly interval: number
  readonly infinite: number
}

function epsilonOfDirection(direction: Direction, steps: number, delta: number): number {
  for (let interval = FINEST_INTERVAL; ; interval *= 2) {
    const single = discretise(direction, interval)
    const window = composedWindow(single, steps)
    const points = 2 ** Math.ceil(Math.log2(Math.max(window.width / interval, single.masses.length) + 2))
    if (points > MOST_POINTS) continue
    return epsilonAt(compose(single, steps, window.lowest, points), delta)
  }
}

/**
 * The grid distribution whose δ(ε) equals the true one at every grid point and lies above it between them: with
 * S(i) the probability of a loss of at least ε(i), δ(ε(i-1)) - e^-h δ(ε(i)) = (1 - e^-h) S(i).
 */
function discretise(direction: Direction, interval: number): LossGrid {
  const first = Math.floor(direction.lowest / interval) - 1
  const count = Math.ceil(direction.highest / interval) + 1 - first + 1
  const shrink = Math.exp(-interval)
  const masses = new Float64Array(count)
  const infinite = direction.delta((first + count - 1) * interval)
  let above = infinite
  let deltaHere = infinite
  for (let k = count - 1; k > 0; k--) {
    const deltaBelow = direction.delta((first + k - 1) * interval)
    const atLeast = Math.min(1, Math.max(above, (deltaBelow - shrink * deltaHere) / (1 - shrink)))
    masses[k] = atLeast - above
    above = atLeast
    deltaHere = deltaBelow
  }
  masses[0] = 1 - above
  return { masses, lowest: first * interval, interval, infinite }
}

/** Where all but `TAIL` of the composed loss lies, by Chernoff's bound at a few tilts. */
function composedWindow(single: LossGrid, steps: number): { lowest: number; width: number } {
  const { masses, lowest, interval } = single
  const bound = (sign: 1 | -1): number => {
    let best = Infinity
    for (let tilt = 0.25; tilt <= 4096; tilt *= 2) {
      let moment = 0
      for (let k = 0; k < masses.length; k++) moment += masses[k]! * Math.exp(sign * tilt * (lowest + k * interval))
      if (Number.isFinite(moment)) best = Math.min(best, (steps * Math.log(moment) - Math.log(TAIL)) / tilt)
    }
    return best
  }
  const last = lowest + (masses.length - 1) * interval
  const top = Math.min(steps * last, bound(1))
  const bottom = Math.max(steps * lowest, -bound(-1))
  return { lowest: bottom, width: Math.max(interval, top - bottom) }
}

/** The `steps`-fold convolution on a grid of `points`, which wraps around: what lies outside counts as infinite loss. */
function compose(single: LossGrid, steps: number, lowest: number, points: number): LossGrid {
  const { interval } = single
  const real = new Float64Array(points)
  const imaginary = new Float64Array(points)
  for (const [k, mass] of single.masses.entries()) real[k % points]! += mass
  transform(real, imaginary)
  for (let k = 0; k < points; k++) {
    const size = Math.hypot(real[k]!, imaginary[k]!) ** steps
    const angle = Math.atan2(imaginary[k]!, real[k]!) * steps
    real[k] = size * Math.cos(angle)
    imaginary[k] = size * Math.sin(angle)
  }
  transform(real, imaginary, true)
  // Position k of the result stands for steps · single.lowest + k · interval, modulo the grid's length.
  const origin = Math.round((steps * single.lowest) / interval)
  const begin = Math.floor(lowest / interval)
  const shift = (((begin - origin) % points) + points) % points
  const masses = Float64Array.from({ length: points }, (_, k) => Math.max(0, real[(k + shift) % points]!))
  const infinite = -Math.expm1(steps * Math.log1p(-single.infinite)) + 2 * TAIL
  return { masses, lowest: begin * interval, interval, infinite }
}

/** The smallest ε whose δ(ε) = P(∞) + Σ over losses above ε of p (1 - e^(ε - loss)) is at most `delta`. */
function epsilonAt(grid: LossGrid, delta: number): number {
  const { masses, lowest, interval, infinite } = grid
  if (infinite > delta) return Infinity
  // Going down the grid: `above` sums p, `weighted` sums p · e^(here - loss).
  let above = 0
  let weighted = 0
  const shrink = Math.exp(-interval)
  for (let k = masses.length - 1; k >= 0; k--) {
    const mass = masses[k]!
    const here = lowest + k * interval
    above += mass
    weighted += mass
    const deltaBelow = infinite + above - weighted * shrink
    if (deltaBelow > delta) return Math.max(0, here + Math.log((infinite + above - delta) / weighted))
    weighted *= shrink
  }
  return 0
}
