// One common change for all nodes: how they begin from it, which offers go into the next one, and how they are combined.

import { keepsAdapters, type AverageExchange } from '#core/experiments/experiment.ts'
import { mean } from '#core/experiments/result.ts'
import type { Change, Weights } from '../train/learner.ts'
import {
  addUpdates,
  averageBySvd,
  averageFactors,
  combineUpdates,
  mergeUpdates,
  updatesOf,
  type Updates,
} from './average-changes.ts'
import { createChange, measureApart, partSeed, type Lab } from './lab.ts'
import { openCore } from './open-core.ts'
import { countOffers, type Offers } from './offers.ts'
import type { CellState } from './run-state.ts'

/** What there is before the first round. */
export async function openAverage(
  lab: Lab,
  { operator, when }: AverageExchange,
  node: number,
  freezeA: boolean,
): Promise<Change> {
  if (operator === 'core') return openCore(lab)
  if (when === 'rounds' && !keepsAdapters(operator)) return { kind: 'full', weights: lab.weights }
  // Factors that are averaged apart begin alike.
  return createChange(lab, keepsAdapters(operator) ? 0 : node, freezeA)
}

/** What a node trains in a round. */
export function startOf(
  lab: Lab,
  { operator, when }: AverageExchange,
  changes: readonly Change[],
  node: number,
  round: number,
  freezeA: boolean,
): Change {
  const [common] = changes
  if (when === 'end' || !common) return changes[node]!
  if (keepsAdapters(operator) || common.kind === 'lora' || lab.experiment.trainer.kind === 'full') return common
  return { ...createChange(lab, node, freezeA, round), weights: common.weights }
}

export interface Combined extends Offers {
  readonly change: Change
  readonly velocity?: Weights
}

export async function combine(
  lab: Lab,
  exchange: AverageExchange,
  before: CellState,
  offered: readonly Change[],
): Promise<Combined> {
  const { operator, outer } = exchange
  const seed = partSeed(lab.seed, 0, before.rounds)
  if (keepsAdapters(operator)) {
    const adapters = offered.filter((change) => change.kind === 'lora')
    // Between frozen factors the mean of B·R is B times that of R: nothing is lost.
    const average = operator === 'svd' ? averageBySvd : averageFactors
    const of = (nodes: readonly number[]): Change =>
      nodes.length === 0 ? (before.changes[0] as Change) : average(nodes.map((node) => adapters[node]!))
    const accepted = await choose(lab, exchange, offered.length, of)
    return { change: of(accepted), ...countOffers(lab.experiment, verdicts(offered.length, accepted)) }
  }
  const [common] = before.changes
  const under = exchange.when === 'rounds' && common?.kind === 'full' ? common.weights : lab.weights
  const { model } = lab.learner
  const updates = offered.map((change) => updatesOf(change, under, model.config))
  const merge = (nodes: readonly number[], weights: readonly number[] = nodes.map(() => 1 / nodes.length)): Updates =>
    nodes.length === 0
      ? new Map()
      : mergeUpdates(
          operator,
          nodes.map((node) => updates[node]!),
          weights,
          seed,
        )
  const over = (update: Updates): Change => ({ kind: 'full', weights: addUpdates(under, update) })
  const accepted = await choose(lab, exchange, offered.length, (nodes) => over(merge(nodes)))
  const taken = countOffers(lab.experiment, verdicts(offered.length, accepted))
  const update =
    operator === 'learned' && accepted.length > 0
      ? merge(accepted, await learnWeights(lab, exchange, accepted.length, (weights) => over(merge(accepted, weights))))
      : merge(accepted)
  if (!outer) return { change: over(update), ...taken }
  const velocity = combineUpdates(before.velocity ?? new Map(), outer.momentum, update)
  // Nesterov's step: of the update itself, and of where the velocity would carry it.
  const step = combineUpdates(velocity, outer.momentum, update)
  return { change: { kind: 'full', weights: addUpdates(under, step, outer.learningRate) }, velocity, ...taken }
}

const verdicts = (count: number, accepted: readonly number[]) =>
  Array.from({ length: count }, (_, node) => ({ node, accepted: accepted.includes(node) }))

/**
 * The offers that stay: each node compares, on probes of its own, the combination of all with that of all but one, and an offer goes
 * when most of the others were better off without it.
 */
async function choose(
  lab: Lab,
  { gate }: AverageExchange,
  count: number,
  combined: (nodes: readonly number[]) => Change,
): Promise<readonly number[]> {
  const all = Array.from({ length: count }, (_, node) => node)
  if (gate.judge === 'none' || count < 2) return all
  let kept = all
  // One at a time, the worst first: what a very bad one spoils says nothing of the others.
  for (;;) {
    const withAll = await measureApart(lab, combined(kept), count, gate.probes)
    const harms: { node: number; votes: number; harm: number }[] = []
    for (const node of kept) {
      const without = await measureApart(lab, combined(kept.filter((other) => other !== node)), count, gate.probes)
      const judges = all.filter((judge) => judge !== node)
      const gains = judges.map((judge) => withAll[judge]! - without[judge]!)
      harms.push({
        node,
        votes: gains.filter((gain) => gain > gate.tolerance).length / judges.length,
        harm: mean(gains),
      })
    }
    const worst = harms.filter(({ votes }) => votes > 0.5).sort((one, other) => other.harm - one.harm)[0]
    if (!worst) return kept
    kept = kept.filter((node) => node !== worst.node)
    if (kept.length === 0) return kept
  }
}

/** Weights of a sum of updates that bring the loss on the probes down: one for all first, then each by itself. */
async function learnWeights(
  lab: Lab,
  { gate }: AverageExchange,
  count: number,
  combined: (weights: readonly number[]) => Change,
): Promise<readonly number[]> {
  let weights: readonly number[] = new Array<number>(count).fill(1 / count)
  let best = Number.POSITIVE_INFINITY
  const attempt = async (next: readonly number[]) => {
    const loss = mean(await measureApart(lab, combined(next), 1, gate.probes))
    if (loss >= best) return
    best = loss
    weights = next
  }
  await attempt(weights)
  const even = weights
  for (const factor of [1.5, 2, count]) await attempt(even.map((weight) => weight * factor))
  for (let node = 0; node < count; node++) {
    const from = weights
    for (const factor of [0, 0.5, 1.5]) {
      await attempt(from.map((weight, other) => (other === node ? weight * factor : weight)))
    }
  }
  return weights
}
