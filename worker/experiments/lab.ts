// What every part of a run works with: the model, the texts and the seed of a cell, and how nodes begin, read, learn and are
// measured.

import { CentramError } from '#core/errors.ts'
import {
  domainsOf,
  ownDomain,
  type Experiment,
  type ExperimentNode,
  type TrainerSettings,
} from '#core/experiments/experiment.ts'
import { mean, type Losses } from '#core/experiments/result.ts'
import type { Domain, DomainWindows } from '#core/experiments/texts.ts'
import { createAdapter } from '#core/genome/adapter.ts'
import { targetsOf } from '#core/genome/lora-config.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { drawOrder } from '#core/training/random-streams.ts'
import { DEFAULT_PLAN, type TrainingPlan } from '#core/training/training-plan.ts'
import type { Change, Learner, Weights } from '../train/learner.ts'

export interface Lab {
  readonly experiment: Experiment
  readonly learner: Learner
  /** All weights of the base. */
  readonly weights: Weights
  readonly texts: ReadonlyMap<Domain, DomainWindows>
  readonly seed: number
  readonly signal: AbortSignal
}

/** A seed of its own for each node and round. */
export const partSeed = (seed: number, node: number, round: number): number => (seed * 16 + node) * 256 + round

export function stopIfAsked({ signal }: Pick<Lab, 'signal'>): void {
  if (signal.aborted) throw new CentramError('CANCELLED', 'The experiment was paused.', { cause: signal.reason })
}

/** What a node changes before it learned anything. Where A is frozen the nodes share one; else each draws its own. */
export function createChange(lab: Lab, node: number, freezeA: boolean, round = 0): Change {
  const { trainer } = lab.experiment
  if (trainer.kind === 'full') return { kind: 'full', weights: lab.weights }
  const { model } = lab.learner
  const lora = {
    targets: targetsOf(model.config.family),
    rank: trainer.rank,
    alpha: trainer.alpha,
    rankStabilised: false,
  }
  const seed = partSeed(lab.seed, freezeA ? 0 : node, round)
  return { kind: 'lora', freezeA, adapter: createAdapter(model.config, lora, seed) }
}

/** What a node learns in one round from `change` on. */
export async function learn(
  lab: Lab,
  change: Change,
  node: number,
  round: number,
): Promise<{ readonly change: Change; readonly loss: number }> {
  stopIfAsked(lab)
  const { trainer, nodes } = lab.experiment
  const windows = windowsOf(lab, nodes[node] as ExperimentNode, node, round)
  return lab.learner.train(change, windows, planOf(trainer, trainer.steps, partSeed(lab.seed, node, round)), lab.signal)
}

/** The first step of all weights on what all honest nodes read first: where training would go, were it not for the rank. */
export async function firstStep(lab: Lab): Promise<Weights> {
  stopIfAsked(lab)
  const { trainer, nodes } = lab.experiment
  const windows = nodes.flatMap((node, index) =>
    node.offers ? [] : windowsOf(lab, node, index, 0).slice(0, trainer.batch),
  )
  const plan = { ...planOf(trainer, 1, partSeed(lab.seed, 0, 0)), batchSize: windows.length }
  const { change } = await lab.learner.train({ kind: 'full', weights: lab.weights }, windows, plan, lab.signal)
  return change.kind === 'full' ? change.weights : lab.weights
}

/** What one node learns in one round from what all honest ones read, in as many steps as all of them. */
export async function learnJointly(
  lab: Lab,
  change: Change,
  round: number,
): Promise<{ readonly change: Change; readonly loss: number }> {
  stopIfAsked(lab)
  const { trainer, nodes } = lab.experiment
  const windows = nodes.flatMap((node, index) => (node.offers ? [] : windowsOf(lab, node, index, round)))
  const steps = trainer.steps * nodes.filter(({ offers }) => offers === undefined).length
  return lab.learner.train(change, windows, planOf(trainer, steps, partSeed(lab.seed, 0, round)), lab.signal)
}

export async function measure(
  lab: Lab,
  change: Change,
  part: 'probe' | 'heldOut',
  count: number,
  domains: readonly Domain[] = domainsOf(lab.experiment),
): Promise<Losses> {
  stopIfAsked(lab)
  const lists = domains.map((domain) => windowsFor(lab, domain, part, count))
  const losses = await lab.learner.losses(change, lists, lab.signal)
  return Object.fromEntries(domains.map((domain, i) => [domain, losses[i]]))
}

/** Mean loss over all domains by each of `judges`, whose probes are apart from one another's. */
export async function measureApart(lab: Lab, change: Change, judges: number, count: number): Promise<number[]> {
  stopIfAsked(lab)
  const domains = domainsOf(lab.experiment)
  const probes = domains.map((domain) => windowsFor(lab, domain, 'probe', Math.max(count, judges)))
  const lists = Array.from({ length: judges }, (_, judge) =>
    probes.map((windows) => windows.filter((_window, at) => at % judges === judge)),
  ).flat()
  const losses = await lab.learner.losses(change, lists, lab.signal)
  return Array.from({ length: judges }, (_, judge) =>
    mean(losses.slice(judge * domains.length, (judge + 1) * domains.length)),
  )
}

/** The loss by which a node decides; null where it takes everything. */
export async function judge(
  lab: Lab,
  change: Change,
  node: number,
  gate: { readonly judge: 'generalist' | 'own' | 'none'; readonly probes: number },
): Promise<number | null> {
  if (gate.judge === 'none') return null
  const own = ownDomain(lab.experiment.nodes[node] as ExperimentNode)
  const losses = await measure(lab, change, 'probe', gate.probes, gate.judge === 'own' ? [own] : undefined)
  return mean(Object.values(losses))
}

/** `count` of them, evenly spread: the same for every arm, seed and node. */
function windowsFor({ texts }: Lab, domain: Domain, part: 'probe' | 'heldOut', count: number): PackedSequence[] {
  const windows = (texts.get(domain) as DomainWindows)[part]
  const taken = Math.min(count, windows.length)
  return Array.from({ length: taken }, (_, i) => windows[Math.floor((i * windows.length) / taken)] as PackedSequence)
}

/** What a node reads in a round: windows of its domains by their shares, none twice before all were read. */
function windowsOf(
  { experiment: { trainer }, texts, seed }: Lab,
  node: ExperimentNode,
  index: number,
  round: number,
): PackedSequence[] {
  const wanted = trainer.steps * trainer.batch
  const shares = Object.entries(node.reads) as [Domain, number][]
  const total = shares.reduce((sum, [, share]) => sum + share, 0)
  return shares.flatMap(([domain, share]) => {
    const { train } = texts.get(domain) as DomainWindows
    const count = Math.max(1, Math.round((wanted * share) / total))
    return Array.from({ length: count }, (_, i) => {
      const at = round * count + i
      const order = drawOrder(partSeed(seed, index, 0), train.length, Math.floor(at / train.length))
      return train[order[at % train.length] as number] as PackedSequence
    })
  })
}

function planOf({ learningRate, batch }: TrainerSettings, steps: number, seed: number): TrainingPlan {
  return {
    ...DEFAULT_PLAN,
    seed,
    // Rounds go on from one another: the rate warms up with the optimiser, and does not fall.
    schedule: { peak: learningRate, final: learningRate, warmUpSteps: Math.min(2, steps), steps },
    batchSize: batch,
    columns: 1024,
  }
}
