// What many nodes learned since they were last alike, as one change: factor by factor as FedAvg does it to LoRA, or on the
// updates ΔW themselves, which is exact.

import { CentramError } from '#core/errors.ts'
import type { AverageExchange } from '#core/experiments/experiment.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { loraScale } from '#core/genome/lora-config.ts'
import { multiplyOut, type LowRankUpdate } from '#core/merge/low-rank.ts'
import { DARE_TIES } from '#core/merge/operators/dare-ties.ts'
import { LORA_SVD } from '#core/merge/operators/lora-svd.ts'
import { MULTISLERP } from '#core/merge/operators/multislerp.ts'
import { TIES } from '#core/merge/operators/ties.ts'
import { bindParameters } from '#core/merge/parameters.ts'
import { rotatedRows } from '../model/rotated-rows.ts'
import type { Change, Weights } from '../train/learner.ts'

type Floats = Float32Array<ArrayBuffer>
type LoraChange = Extract<Change, { kind: 'lora' }>

/** ΔW by weight, `[outputs, inputs]`. */
export type Updates = ReadonlyMap<string, Floats>

/** Means of A and of B: what FedAvg makes of LoRA. Exact only where all A are the same. */
export function averageFactors(changes: readonly LoraChange[]): LoraChange {
  const first = firstOf(changes)
  const modules = [...first.adapter.modules.keys()].map((name) => {
    const pairs = changes.map(({ adapter }) => adapter.modules.get(name) ?? fail(name))
    return [name, { a: meanOf(pairs.map(({ a }) => a)), b: meanOf(pairs.map(({ b }) => b)) }] as const
  })
  return { ...first, adapter: { lora: first.adapter.lora, modules: new Map(modules) } }
}

/** The adapter of their rank that is nearest to the mean of ΔW: all factors stacked, and cut back by an SVD. */
export function averageBySvd(changes: readonly LoraChange[]): LoraChange {
  const first = firstOf(changes)
  const { lora } = first.adapter
  const scale = loraScale(lora)
  const values = { shared: { normalize: 1 }, parent: { weight: changes.map(() => 1) } }
  const modules = [...first.adapter.modules.keys()].map((name) => {
    const parents = changes.map((change) => lowRankOf(change, name))
    const { update } = LORA_SVD.merge({ name, base: null, parents }, values, lora.rank, 0)
    // It comes with a scale of 1; the adapter multiplies by its own.
    return [name, { a: new Float32Array(update.a), b: update.b.map((value) => value / scale) }] as const
  })
  return { ...first, adapter: { lora, modules: new Map(modules) } }
}

/** What a change adds to the weights that it was trained over. */
export function updatesOf(change: Change, under: Weights, config: ModelConfig): Updates {
  if (change.kind === 'full') {
    return new Map([...change.weights].map(([name, values]) => [name, minus(values, under.get(name) ?? fail(name))]))
  }
  return new Map(
    [...change.adapter.modules.keys()].map((name) => [
      `${name}.weight`,
      new Float32Array(multiplyOut(inRowsOf(config, name, lowRankOf(change, name)))),
    ]),
  )
}

/** One update of all, by the operator; each parent counts `weights` times where that is a matter of weights. */
export function mergeUpdates(
  operator: Exclude<AverageExchange['operator'], 'factors' | 'core' | 'svd'>,
  parents: readonly Updates[],
  weights: readonly number[],
  seed: number,
): Updates {
  const names = [...firstOf(parents).keys()]
  return new Map(
    names.map((name) => {
      const tensors = parents.map((updates) => updates.get(name) ?? fail(name))
      return [name, mergeTensors(operator, name, tensors, weights, seed)]
    }),
  )
}

function mergeTensors(
  operator: Parameters<typeof mergeUpdates>[0],
  name: string,
  parents: readonly Floats[],
  weights: readonly number[],
  seed: number,
): Floats {
  if (operator === 'exact' || operator === 'learned') {
    const total = operator === 'exact' ? weights.reduce((sum, weight) => sum + weight, 0) : 1
    return sumOf(
      parents,
      weights.map((weight) => weight / total),
    )
  }
  if (parents.length === 1) return firstOf(parents)
  const chosen = MERGES[operator]
  const base = chosen.operator.base === 'none' ? null : new Float32Array(firstOf(parents).length)
  const group = { name, shape: [firstOf(parents).length], base, parents }
  return new Float32Array(
    chosen.operator.merge(group, bindParameters(chosen.operator, chosen.given, parents.length), seed),
  )
}

const MERGES = {
  ties: { operator: TIES, given: { density: 0.5 } },
  'dare-ties': { operator: DARE_TIES, given: { density: 0.5 } },
  slerp: { operator: MULTISLERP, given: {} },
} as const

/** `weights` with `factor` times these updates added. */
export function addUpdates(weights: Weights, updates: Updates, factor = 1): Weights {
  const sums = new Map(weights)
  for (const [name, update] of updates) {
    const before = weights.get(name) ?? fail(name)
    sums.set(
      name,
      before.map((value, i) => value + factor * update[i]!),
    )
  }
  return sums
}

/** `factor` times the one and the other. */
export function combineUpdates(one: Updates, factor: number, other: Updates): Updates {
  return new Map(
    [...other].map(([name, update]) => {
      const before = one.get(name)
      return [name, before ? update.map((value, i) => value + factor * before[i]!) : update]
    }),
  )
}

function lowRankOf({ adapter: { lora, modules } }: LoraChange, name: string): LowRankUpdate {
  const { a, b } = modules.get(name) ?? fail(name)
  const { rank } = lora
  return { rows: b.length / rank, columns: a.length / rank, rank, scale: loraScale(lora), a, b }
}

/** With the rows in the order of the model's weights. */
const inRowsOf = (config: ModelConfig, name: string, update: LowRankUpdate): LowRankUpdate => ({
  ...update,
  b: rotatedRows(config, name, new Float32Array(update.b), update.rank),
})

const meanOf = (parts: readonly Floats[]): Floats =>
  sumOf(
    parts,
    parts.map(() => 1 / parts.length),
  )

function sumOf(parts: readonly Floats[], weights: readonly number[]): Floats {
  return firstOf(parts).map((_, i) => parts.reduce((sum, part, at) => sum + weights[at]! * part[i]!, 0))
}

const minus = (values: Floats, others: Floats): Floats => values.map((value, i) => value - others[i]!)

function firstOf<T>(items: readonly T[]): T {
  return items[0] ?? fail('of nothing')
}

function fail(name: string): never {
  throw new CentramError('INTERNAL', `Two nodes of the experiment hold changes that do not fit each other: ${name}.`)
}
