// How much of an adapter was there before: cosines of ΔW module by module, exact, from the factors alone. Scaling, sign, the
// order of ranks and any turning of the factors against each other (B·R, R⁻¹·A) leave them as they are. What the declared
// parents explain is taken out first, so that a child is not taken for a thief's copy of its own family.

import type { AdapterUpdates } from '#core/gate/layer.ts'
import { innerProduct } from '#core/merge/low-rank.ts'

export interface Likeness {
  /** |cosine| of the two whole updates: root of the energy that they share over all modules. */
  readonly cosine: number
  /** The smallest |cosine| of a module. */
  readonly worst: number
  /** Share of the energy, the candidate's or the other's, that lies in modules whose |cosine| reaches the bound. */
  readonly copied: number
}

/** A copy of a third of somebody's work is a copy. */
const COPIED_SHARE = 1 / 3

/** Whether one is the other over again, as a whole or in so large a part. */
export function isNearCopy({ cosine, copied }: Likeness, bound: number): boolean {
  return cosine >= bound || copied >= COPIED_SHARE
}

export interface Comparison {
  /** With one adapter; `bound` is the |cosine| from which a module counts as copied. */
  with(other: AdapterUpdates, bound: number): Likeness
  /** Share of the candidate's energy that a weighted sum of all of these gives, with weights of each module's own. */
  explainedBy(others: readonly AdapterUpdates[]): number
}

/** Below this share of its energy, what is left beside the declared parents is rounding and says nothing. */
const NOTHING = 0.02
/** A direction that is left of this share of itself depends on those before it. */
const DEPENDENT = 1e-9

/** @param declared the tensors of its parents, as far as they are here. */
export function compareAdapter(candidate: AdapterUpdates, declared: readonly AdapterUpdates[]): Comparison {
  const products = new Map<AdapterUpdates, Map<AdapterUpdates, Map<string, number>>>()
  const product = (module: string, x: AdapterUpdates, y: AdapterUpdates): number => {
    const ofX = products.get(x) ?? new Map<AdapterUpdates, Map<string, number>>()
    products.set(x, ofX)
    const ofPair = ofX.get(y) ?? products.get(y)?.get(x) ?? new Map<string, number>()
    ofX.set(y, ofPair)
    const known = ofPair.get(module)
    if (known !== undefined) return known
    const [a, b] = [x.get(module), y.get(module)]
    const value = a && b && a.rows === b.rows && a.columns === b.columns ? innerProduct(a, b) : 0
    ofPair.set(module, value)
    return value
  }
  /** Gram matrix of the last vectors once all of the first were projected out. */
  const beside = (module: string, first: readonly AdapterUpdates[], last: readonly AdapterUpdates[]) => {
    const all = [...first, ...last]
    return eliminate(
      all.map((x) => all.map((y) => product(module, x, y))),
      first.length,
    )
  }
  const modules = [...candidate.keys()]
  const energy = sum(modules.map((module) => product(module, candidate, candidate)))
  const own = sum(modules.map((module) => beside(module, declared, [candidate])[0]?.[0] ?? 0))
  const isNothing = own <= NOTHING * energy

  return {
    with(other, bound) {
      if (isNothing) return { cosine: 0, worst: 0, copied: 0 }
      const parts = modules.map((module) => {
        const gram = beside(module, declared, [candidate, other])
        const [xx, xy, yy] = [gram[0]?.[0] ?? 0, gram[0]?.[1] ?? 0, gram[1]?.[1] ?? 0]
        const isLeft =
          xx > NOTHING * product(module, candidate, candidate) && yy > NOTHING * product(module, other, other)
        return { xx, yy, cosine: isLeft ? Math.min(1, Math.abs(xy) / Math.sqrt(xx * yy)) : 0 }
      })
      const theirs = sum(parts.map(({ yy }) => yy))
      const alike = parts.filter(({ cosine }) => cosine >= bound)
      return {
        cosine: Math.sqrt(sum(parts.map(({ xx, cosine }) => xx * cosine * cosine)) / own),
        worst: Math.min(...parts.map(({ cosine }) => cosine)),
        // Whoever copies a part hides it neither beside larger work nor by leaving out the rest.
        copied: Math.max(
          sum(alike.map(({ xx }) => xx)) / own,
          theirs > 0 ? sum(alike.map(({ yy }) => yy)) / theirs : 0,
        ),
      }
    },

    explainedBy(others) {
      if (isNothing) return 0
      const left = sum(modules.map((module) => beside(module, [...declared, ...others], [candidate])[0]?.[0] ?? 0))
      return Math.max(0, 1 - left / own)
    },
  }
}

/** The Schur complement of the first `count` rows and columns of a Gram matrix: what is left once they are explained. */
function eliminate(gram: readonly (readonly number[])[], count: number): number[][] {
  const rest = gram.map((row) => [...row])
  const before = gram.map((row, i) => row[i] ?? 0)
  for (let pivot = 0; pivot < count; pivot++) {
    const row = rest[pivot] as number[]
    const size = row[pivot] as number
    if (size <= DEPENDENT * (before[pivot] as number)) continue
    for (let i = pivot + 1; i < rest.length; i++) {
      const factor = (rest[i] as number[])[pivot] as number
      for (let j = pivot + 1; j < rest.length; j++) {
        ;(rest[i] as number[])[j]! -= (factor * (row[j] as number)) / size
      }
    }
  }
  return rest.slice(count).map((row) => row.slice(count))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
