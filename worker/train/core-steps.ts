// LoRA-SB (Ponkshe et al., arXiv 2411.19557): ΔW = scale · B·R·A, where B and A stay as they are and the square R between them is
// trained. The GPU knows B·R as the B of an adapter; R and its optimiser are small, and live here.

import { CentramError } from '#core/errors.ts'
import { orthonormalise } from '#core/numeric/singular-values.ts'
import { adamWStep, type AdamWState } from '#core/numeric/adamw.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import type { TrainingPlan } from '#core/training/training-plan.ts'

type Floats = Float32Array<ArrayBuffer>

/** B of each module, `[outputs, rank]` with orthonormal columns. */
export type Bases = ReadonlyMap<string, Floats>

export interface CoreSteps {
  /** One step of AdamW on every R: from the gradients of each B·R, by module, to its new values. */
  update(gradients: ReadonlyMap<string, Floats>, learningRate: number): Map<string, Floats>
}

type Terms = Pick<TrainingPlan, 'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'clipNorm'>

/** Begins where `adapter` is: with R = Bᵀ · (its B). */
export function createCoreSteps({ lora: { rank }, modules }: Adapter, bases: Bases, terms: Terms): CoreSteps {
  const cores = new Map(
    [...modules].map(([name, { b }]) => {
      const basis = bases.get(name)
      if (basis?.length !== b.length) throw new CentramError('INTERNAL', `${name} has no basis to be trained along.`)
      const state: AdamWState = {
        parameter: transposeTimes(basis, b, rank),
        firstMoment: new Float64Array(rank * rank),
        secondMoment: new Float64Array(rank * rank),
      }
      return [name, { basis, state }] as const
    }),
  )
  let step = 0
  return {
    update(gradients, learningRate) {
      step++
      const of = new Map(
        [...cores].map(([name, { basis }]) => [name, transposeTimes(basis, gradients.get(name) as Floats, rank)]),
      )
      const norm = Math.sqrt([...of.values()].reduce((sum, part) => sum + squares(part), 0))
      const clip = terms.clipNorm > 0 && norm > terms.clipNorm ? terms.clipNorm / norm : 1
      return new Map(
        [...cores].map(([name, { basis, state }]) => {
          const gradient = (of.get(name) as Float64Array).map((value) => clip * value)
          adamWStep(state, gradient, { ...terms, learningRate }, step)
          return [name, times(basis, state.parameter, rank)]
        }),
      )
    },
  }
}

/** The orthonormal columns of `b`, `[outputs, rank]`, in place of its own. Throws where they depend on one another. */
export function basisOf(b: Float32Array, rank: number): Floats {
  const outputs = b.length / rank
  const columns = Array.from({ length: rank }, (_, k) =>
    Float64Array.from({ length: outputs }, (_value, row) => b[row * rank + k]!),
  )
  const { q } = orthonormalise(columns)
  if (q.length < rank) throw new CentramError('INTERNAL', 'The first step has too few directions to be trained along.')
  return Float32Array.from({ length: b.length }, (_, i) => q[i % rank]![Math.floor(i / rank)]!)
}

/** basisᵀ · b, `[rank, rank]` row-major. */
function transposeTimes(basis: Float32Array, b: Float32Array, rank: number): Float64Array {
  const product = new Float64Array(rank * rank)
  for (let row = 0; row < b.length; row += rank) {
    for (let i = 0; i < rank; i++) {
      for (let j = 0; j < rank; j++) product[i * rank + j]! += basis[row + i]! * b[row + j]!
    }
  }
  return product
}

/** basis · core, `[outputs, rank]`. */
function times(basis: Float32Array, core: Float64Array, rank: number): Floats {
  return Float32Array.from({ length: basis.length }, (_, i) => {
    const [row, j] = [Math.floor(i / rank) * rank, i % rank]
    let sum = 0
    for (let k = 0; k < rank; k++) sum += basis[row + k]! * core[k * rank + j]!
    return sum
  })
}

const squares = (values: Float64Array) => values.reduce((sum, value) => sum + value * value, 0)
