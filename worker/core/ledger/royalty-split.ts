// How an amount goes to the lineage of a genome, to the last CEN. Whole numbers only, beyond 2^53 as `bigint`: the same
// everywhere, and what comes out is what went in.

import type { ROYALTY_TERMS } from '../protocol/messages/ledger.ts'
import type { ObjectOf } from '../protocol/signed-object.ts'

export type RoyaltyTerms = ObjectOf<typeof ROYALTY_TERMS>
export type RoyaltyRule = Pick<RoyaltyTerms, 'sharePpm' | 'decayPpm' | 'depth'>

/** What counts for a genome whose author published no terms: a fifth of what it earns, half as much for each generation back. */
export const USUAL_TERMS: RoyaltyRule = { sharePpm: 200_000, decayPpm: 500_000, depth: 8 }

export const MILLION = 1_000_000n

/** Genomes of a lineage that take part, at most: whole generations, the nearest ones. */
const MAX_LINEAGE = 256

/** A share of an amount. Ids in hex. */
export interface LineageShare {
  readonly genome: string
  readonly amount: bigint
}

/**
 * `amount` in proportion to `weights`, of which one at least is positive. Rounded down first; what is left goes by ones to
 * those with the largest remainder, of equal ones to those that stand first (Hamilton's method).
 */
export function splitByWeights(amount: bigint, weights: readonly bigint[]): bigint[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0n)
  const shares = weights.map((weight) => (amount * weight) / total)
  const left = amount - shares.reduce((sum, share) => sum + share, 0n)
  if (left === 0n) return shares
  const remainders = weights.map((weight, i) => ({ i, remainder: (amount * weight) % total }))
  remainders.sort((a, b) => (a.remainder === b.remainder ? a.i - b.i : a.remainder > b.remainder ? -1 : 1))
  for (const { i } of remainders.slice(0, Number(left))) shares[i] = (shares[i] as bigint) + 1n
  return shares
}

/**
 * A genome and its ancestors, by how many steps away they are: each once, where it is nearest, so that a diamond pays nobody
 * twice; ids in ascending order. The parents of a genome whose manifest is missing (null) are not known and take no part.
 */
export function generationsOf(
  genome: string,
  depth: number,
  parentsOf: (genome: string) => readonly string[] | null,
): readonly (readonly string[])[] {
  const met = new Set([genome])
  const generations = [[genome]]
  while (generations.length <= depth) {
    const parents = (generations.at(-1) as string[]).flatMap((child) => parentsOf(child) ?? [])
    const next = [...new Set(parents)].filter((parent) => !met.has(parent)).sort()
    if (next.length === 0 || met.size + next.length > MAX_LINEAGE) break
    for (const parent of next) met.add(parent)
    generations.push(next)
  }
  return generations
}

/**
 * What each genome of a lineage gets of `amount`. The generation k steps back weighs decay^k; its share goes to its members
 * in equal parts, and what does not divide goes by ones to those with the lowest ids.
 */
export function splitOverLineage(
  amount: bigint,
  generations: readonly (readonly string[])[],
  decayPpm: number,
): readonly LineageShare[] {
  const decay = BigInt(decayPpm)
  const last = generations.length - 1
  // decay^k over a million^k, all brought to the denominator of the last generation.
  const weights = generations.map((_, k) => decay ** BigInt(k) * MILLION ** BigInt(last - k))
  return splitByWeights(amount, weights).flatMap((share, k) => {
    const members = generations[k] as readonly string[]
    const shares = splitByWeights(
      share,
      members.map(() => 1n),
    )
    return members.map((genome, i) => ({ genome, amount: shares[i] as bigint }))
  })
}
