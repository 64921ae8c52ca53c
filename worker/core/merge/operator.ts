// What a merge operator is: a pure function from parents' tensors to one tensor, with its parameters declared.

/**
 * What the operator does with a base.
 * - `none`: takes none.
 * - `optional`: works on differences to the base where there is one.
 * - `origin`: works on differences to the base; for adapters the origin is the zero update unless one is given.
 * - `endpoint`: the base is one of the two ends; where none is given, the first parent is.
 */
export type BasePolicy = 'none' | 'optional' | 'origin' | 'endpoint'

export interface ParameterSpec {
  /** As mergekit calls it. */
  readonly name: string
  readonly type: 'number' | 'integer' | 'boolean'
  /** One value for the merge, or one for each parent (the base has none). */
  readonly scope: 'shared' | 'parent'
  /** `null` where a value must be given. */
  readonly default: number | boolean | null
  /** Inclusive bounds. */
  readonly min?: number
  readonly max?: number
  readonly meaning: string
}

/** Parameters with every default filled in: flags as 0 or 1, per-parent ones a value for each parent. */
export interface MergeValues {
  readonly shared: Readonly<Record<string, number>>
  readonly parent: Readonly<Record<string, readonly number[]>>
}

/** One tensor of all inputs. An operator must not write into them. */
export interface MergeGroup {
  readonly name: string
  /** Row-major; empty for a scalar. */
  readonly shape: readonly number[]
  readonly base: Float32Array | null
  readonly parents: readonly Float32Array[]
}

/** Inner products of the vectors that an operator combines, over all elements. */
export interface InnerProducts {
  readonly count: number
  dot(i: number, j: number): number
}

/** Properties that all operators have, whatever they work on. */
export interface OperatorHead {
  /** As mergekit calls it, where mergekit has it. */
  readonly name: string
  readonly title: string
  /** The paper, or where the method was first described. */
  readonly source: string
  /** Parents besides the base. */
  readonly parents: { readonly min: number; readonly max: number }
  readonly parameters: readonly ParameterSpec[]
  /** Throws `BAD_ARGUMENT` where values that are right one by one do not go together. */
  check?(values: MergeValues): void
}

/** An operator over tensors, and so over the weight updates ΔW of adapters too. */
export interface MergeOperator extends OperatorHead {
  readonly base: BasePolicy
  /** Draws from the seed. */
  readonly random: boolean
  merge(group: MergeGroup, values: MergeValues, seed: number): Float32Array
  /**
   * The weights c of a result Σ cᵢ·xᵢ (plus the base, where it is an origin), if with these values it is one; then
   * low-rank updates merge exactly. The vectors x are the parents, less the base where it is an origin; for `endpoint`
   * they are the base and the parent.
   */
  coefficients?(products: InnerProducts, values: MergeValues, name: string): readonly number[] | null
}
