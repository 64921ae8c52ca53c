// The law of how a loss falls with the number of peers, L = L* + c / (k + b), fitted by least squares. For a given b it is a straight
// line in 1 / (k + b), so that only b is searched for.

export interface LawPoint {
  /** Peers. */
  readonly k: number
  /** Nats a token. */
  readonly loss: number
}

export interface Law {
  /** L*: what is left with any number of peers. */
  readonly floor: number
  /** c: what the first peers bring. */
  readonly gain: number
  /** b. */
  readonly offset: number
  /** Root of the mean squared distance of the points, in nats a token. */
  readonly error: number
  /** Whether b lies at an end of what was searched: then the points do not say where the curve bends. */
  readonly isOpen: boolean
}

/** From a curve that falls all at the first peer to one that is straight over tens of them. */
const LEAST_OFFSET = -0.9
const MOST_OFFSET = 100
const STEPS = 400
/** Halvings of the interval about the best step: beyond what doubles tell apart. */
const REFINEMENTS = 60

/** Null for fewer than three different numbers of peers, through which many such curves pass. */
export function fitLaw(points: readonly LawPoint[]): Law | null {
  if (new Set(points.map(({ k }) => k)).size < 3) return null
  const least = Math.min(...points.map(({ k }) => k))
  // Even steps in the logarithm: small offsets bend the curve most.
  const start = Math.log(least + LEAST_OFFSET)
  const step = (Math.log(least + MOST_OFFSET) - start) / STEPS
  const offsetAt = (at: number) => Math.exp(start + at * step) - least
  const errorAt = (at: number) => lineFor(points, offsetAt(at)).error
  let best = 0
  for (let at = 1; at <= STEPS; at++) if (errorAt(at) < errorAt(best)) best = at
  let reach = 1
  let found = best
  for (let i = 0; i < REFINEMENTS; i++) {
    reach /= 2
    for (const at of [found - reach, found + reach]) {
      if (at >= 0 && at <= STEPS && errorAt(at) < errorAt(found)) found = at
    }
  }
  const offset = offsetAt(found)
  return { ...lineFor(points, offset), offset, isOpen: best === 0 || best === STEPS }
}

/** What the law says of `k` peers. */
export const lossAt = ({ floor, gain, offset }: Pick<Law, 'floor' | 'gain' | 'offset'>, k: number): number =>
  floor + gain / (k + offset)

function lineFor(points: readonly LawPoint[], offset: number): { floor: number; gain: number; error: number } {
  const xs = points.map(({ k }) => 1 / (k + offset))
  const meanX = xs.reduce((sum, x) => sum + x, 0) / xs.length
  const meanY = points.reduce((sum, { loss }) => sum + loss, 0) / points.length
  let products = 0
  let squares = 0
  for (const [i, x] of xs.entries()) {
    products += (x - meanX) * ((points[i] as LawPoint).loss - meanY)
    squares += (x - meanX) ** 2
  }
  const gain = products / squares
  const floor = meanY - gain * meanX
  const rest = xs.reduce((sum, x, i) => sum + ((points[i] as LawPoint).loss - floor - gain * x) ** 2, 0)
  return { floor, gain, error: Math.sqrt(rest / points.length) }
}
