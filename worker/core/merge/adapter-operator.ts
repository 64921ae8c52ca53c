// How an operator merges adapters: on the update ΔW of each module, exactly where the result is a weighted sum of updates,
// else on ΔW multiplied out, cut back to a rank.

import {
  multiplyOut,
  innerProduct,
  stack,
  truncateMatrix,
  truncateSum,
  type LowRankUpdate,
  type Truncated,
} from '#core/merge/low-rank.ts'
import type { InnerProducts, MergeOperator, MergeValues, OperatorHead } from '#core/merge/operator.ts'
import { lazyInnerProducts } from '#core/merge/tensor-arithmetic.ts'

/** One module of all inputs. */
export interface AdapterGroup {
  readonly name: string
  readonly base: LowRankUpdate | null
  readonly parents: readonly LowRankUpdate[]
}

export interface AdapterOperator extends OperatorHead {
  readonly base: MergeOperator['base']
  readonly random: boolean
  /**
   * The rank of the result. Throws `BAD_ARGUMENT` for a wish that cannot be met.
   * @param ranks of base and parents, module by module.
   */
  rankOf(ranks: readonly (readonly number[])[], wanted: number | undefined, values: MergeValues): number
  merge(group: AdapterGroup, values: MergeValues, rank: number, seed: number): Truncated
}

export const sumOfRanks = (ranks: readonly (readonly number[])[]): number =>
  Math.max(...ranks.map((list) => list.reduce((sum, rank) => sum + rank, 0)))

export const largestRank = (ranks: readonly (readonly number[])[]): number => Math.max(...ranks.flat())

/** Σ cᵢ·ΔWᵢ: exact where the rank allows it, else the nearest of that rank. */
export function sumUpdates(updates: readonly LowRankUpdate[], weights: readonly number[], rank: number): Truncated {
  const needed = updates.reduce((sum, update) => sum + update.rank, 0)
  if (needed <= rank) return { update: stack(updates, weights, rank), residual: 0 }
  return truncateSum(updates, weights, rank)
}

/** An operator over tensors as one over adapters. */
export function liftOperator(operator: MergeOperator): AdapterOperator {
  const { merge, coefficients, ...head } = operator
  return {
    ...head,
    rankOf(ranks, wanted, values) {
      if (wanted !== undefined) return wanted
      // Whether the result is a weighted sum depends on the values alone, so any vectors serve to find out.
      const count = operator.base === 'endpoint' ? 2 : (ranks[0]?.length ?? 0)
      const someVectors: InnerProducts = { count, dot: (i, j) => (i === j ? 1 : 0) }
      const exact = coefficients !== undefined && coefficients(someVectors, values, '') !== null
      return exact ? sumOfRanks(ranks) : largestRank(ranks)
    },
    merge(group, values, rank, seed) {
      const { name, base, parents } = group
      const weights = coefficients === undefined ? null : weightsOf(operator, group, values)
      const updates = base === null ? parents : [base, ...parents]
      if (weights !== null) return sumUpdates(updates, weights, rank)
      const { rows, columns } = parents[0]!
      const merged = merge(
        { name, shape: [rows, columns], base: base && multiplyOut(base), parents: parents.map(multiplyOut) },
        values,
        seed,
      )
      return truncateMatrix(merged, rows, columns, rank)
    },
  }
}

/** The weights of the base, where there is one, and of the parents; `null` where the result is no such sum. */
function weightsOf(operator: MergeOperator, group: AdapterGroup, values: MergeValues): readonly number[] | null {
  const { name, base, parents } = group
  const updates = base === null ? parents : [base, ...parents]
  const dot = lazyInnerProducts(updates.length, (i, j) => innerProduct(updates[i]!, updates[j]!)).dot
  if (base === null || operator.base === 'endpoint') {
    return operator.coefficients!({ count: updates.length, dot }, values, name)
  }
  // Of differences to the base: (x − b)·(y − b).
  const differences: InnerProducts = {
    count: parents.length,
    dot: (i, j) => dot(i + 1, j + 1) - dot(i + 1, 0) - dot(0, j + 1) + dot(0, 0),
  }
  const weights = operator.coefficients!(differences, values, name)
  return weights && [1 - weights.reduce((sum, weight) => sum + weight, 0), ...weights]
}
