// What nodes offer, honest or planted, and how many of it was taken.

import type { Experiment, ExperimentNode } from '#core/experiments/experiment.ts'
import { drawUniform } from '#core/training/random-streams.ts'
import type { Change, Weights } from '../train/learner.ts'
import { partSeed } from './lab.ts'

type Floats = Float32Array<ArrayBuffer>

export interface Offers {
  readonly offers: number
  readonly accepted: number
  readonly planted: { readonly offers: number; readonly accepted: number }
}

const BOOST = 10
const NOISE = 3

/** @param taken one entry an offer, by who made it. */
export function countOffers(
  { nodes }: Pick<Experiment, 'nodes'>,
  taken: readonly { readonly node: number; readonly accepted: boolean }[],
): Offers {
  const of = (isPlanted: boolean) => {
    const list = taken.filter(({ node }) => (nodes[node]?.offers !== undefined) === isPlanted)
    return { offers: list.length, accepted: list.filter(({ accepted }) => accepted).length }
  }
  return { ...of(false), planted: of(true) }
}

/** What a node offers of what it learned from `start` on. */
export function offerOf(
  { offers }: ExperimentNode,
  learned: Change,
  start: Change,
  seeds: { readonly seed: number; readonly node: number; readonly round: number },
): Change {
  if (offers === undefined) return learned
  const key = partSeed(seeds.seed, seeds.node, seeds.round)
  const spoil = (after: Floats, before: Floats, part: number): Floats => {
    const step = after.map((value, i) => value - before[i]!)
    const size = Math.sqrt(step.reduce((sum, value) => sum + value * value, 0) / step.length)
    switch (offers) {
      case 'flipped':
        return step.map((value, i) => before[i]! - value)
      case 'boosted':
        return step.map((value, i) => before[i]! + BOOST * value)
      case 'noise':
        // Uniform, of the same mean square as what it stands for.
        return step.map(
          (_, i) => before[i]! + NOISE * size * Math.sqrt(3) * (2 * drawUniform(key, 'noise', i, part) - 1),
        )
    }
  }
  if (learned.kind === 'lora' && start.kind === 'lora') {
    // B alone: with A as it was learned, ΔW is changed in proportion.
    const modules = [...learned.adapter.modules].map(([name, { a, b }], part) => {
      const before = start.adapter.modules.get(name)?.b ?? new Float32Array(b.length)
      return [name, { a, b: spoil(b, before, part) }] as const
    })
    return { ...learned, adapter: { lora: learned.adapter.lora, modules: new Map(modules) } }
  }
  if (learned.kind !== 'full' || start.kind !== 'full') return learned
  const weights: Weights = new Map(
    [...learned.weights].map(([name, values], part) => [
      name,
      spoil(values, start.weights.get(name) ?? new Float32Array(values.length), part),
    ]),
  )
  return { kind: 'full', weights }
}
