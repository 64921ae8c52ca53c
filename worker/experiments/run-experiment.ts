// The runner: works through seeds and arms of an experiment, all nodes of an arm one after another on one GPU. Everything
// follows from the experiment, the texts and the seeds, so a run that was stopped goes on to the same figures.

import {
  domainsOf,
  honestNodes,
  ownDomain,
  unitsOf,
  type AverageExchange,
  type Exchange,
  type Experiment,
} from '#core/experiments/experiment.ts'
import { mean, type Cell, type Losses } from '#core/experiments/result.ts'
import { CentramError } from '#core/errors.ts'
import type { Domain, DomainWindows } from '#core/experiments/texts.ts'
import type { Change, Learner } from '../train/learner.ts'
import { combine, openAverage, startOf } from './average-round.ts'
import { createChange, learn, learnJointly, measure, stopIfAsked, type Lab } from './lab.ts'
import { mixRound } from './mix-round.ts'
import { offerOf, type Offers } from './offers.ts'
import { NOTHING_RUN, type CellState, type RunState } from './run-state.ts'

export interface RunOptions {
  /** Of the base that a seed runs on. */
  learnerFor(seed: number): Promise<Learner>
  readonly texts: ReadonlyMap<Domain, DomainWindows>
  /** To go on from; of the same experiment. */
  readonly state?: RunState
  /** Units done, of `unitsOf`. */
  onProgress(done: number): void
  /** After every round and cell. */
  save(state: RunState): Promise<void>
  readonly signal: AbortSignal
}

type Arm = Experiment['arms'][number]

/** Resolves with all cells. Throws `CANCELLED` where `signal` aborts; what was saved last is where it goes on. */
export async function runExperiment(experiment: Experiment, options: RunOptions): Promise<readonly Cell[]> {
  const { arms, seeds, rounds, nodes } = experiment
  const { learnerFor, state = NOTHING_RUN, onProgress, save, signal } = options
  const texts = textsFor(experiment, options.texts)
  let { cells, current } = state
  const perArm = rounds * nodes.length + 1
  for (const [at, seed] of seeds.entries()) {
    const open = arms.filter(({ name }) => !cells.some((cell) => cell.arm === name && cell.seed === seed))
    if (open.length === 0) continue
    stopIfAsked({ signal })
    const learner = await learnerFor(seed)
    const lab: Lab = { experiment, learner, weights: await learner.weights(), texts, seed, signal }
    const before = at * (1 + arms.length * perArm)
    const known = cells.find((cell) => cell.seed === seed)?.base ?? (current?.seed === seed ? current.base : undefined)
    const base = known ?? (await measure(lab, createChange(lab, 0, false), 'heldOut', experiment.heldOut))
    for (const arm of open) {
      const place = arms.indexOf(arm)
      const done = (round: number, share: number) =>
        onProgress(before + 1 + place * perArm + (round + share) * nodes.length)
      let cell = current?.seed === seed && current.arm === arm.name ? current : await beginCell(lab, arm, base)
      done(cell.rounds, 0)
      while (cell.rounds < rounds) {
        cell = await runRound(lab, cell, arm, (share) => done(cell.rounds, share))
        await save({ cells, current: cell })
      }
      cells = [...cells, await finishCell(lab, cell)]
      current = null
      await save({ cells, current })
      onProgress(before + 1 + (place + 1) * perArm)
    }
  }
  onProgress(unitsOf(experiment))
  return cells
}

/** How many changes there are between rounds: one that all share, or one for each node. */
const changesOf = ({ nodes }: Experiment, exchange: Exchange): number =>
  exchange.kind === 'joint' || (exchange.kind === 'average' && exchange.when === 'rounds') ? 1 : nodes.length

async function beginCell(lab: Lab, { name, exchange, freezeA }: Arm, base: Losses): Promise<CellState> {
  const { experiment, seed } = lab
  const isFrozen = freezeA ?? experiment.trainer.freezeA
  const changes: Change[] = []
  for (let node = 0; node < changesOf(experiment, exchange); node++) {
    changes.push(
      exchange.kind === 'average'
        ? await openAverage(lab, exchange, node, isFrozen)
        : createChange(lab, node, isFrozen),
    )
  }
  return {
    arm: name,
    seed,
    base,
    rounds: 0,
    changes,
    offers: 0,
    accepted: 0,
    training: [],
  }
}

/** All nodes train, then exchange what they had learned by then. */
async function runRound(lab: Lab, cell: CellState, arm: Arm, onShare: (share: number) => void): Promise<CellState> {
  const { exchange, freezeA = lab.experiment.trainer.freezeA } = arm
  const round = cell.rounds
  const after = (changes: readonly Change[], losses: readonly number[]): CellState => ({
    ...cell,
    rounds: round + 1,
    changes,
    training: [...cell.training, mean(losses)],
  })
  if (exchange.kind === 'joint') {
    const { change, loss } = await learnJointly(lab, cell.changes[0] as Change, round)
    return after([change], [loss])
  }
  const { nodes } = lab.experiment
  const starts = nodes.map((_, node) =>
    exchange.kind === 'average'
      ? startOf(lab, exchange, cell.changes, node, round, freezeA)
      : (cell.changes[node] as Change),
  )
  const learned: Change[] = []
  const losses: number[] = []
  for (const [node, start] of starts.entries()) {
    const { change, loss } = await learn(lab, start, node, round)
    learned.push(change)
    losses.push(loss)
    onShare((node + 1) / nodes.length)
  }
  const alone = after(learned, losses)
  const isLast = round + 1 === lab.experiment.rounds
  if (exchange.kind === 'none' || (exchange.kind === 'average' && exchange.when === 'end' && !isLast)) return alone
  const offered = nodes.map((node, index) =>
    offerOf(node, learned[index] as Change, starts[index] as Change, { seed: lab.seed, node: index, round }),
  )
  if (exchange.kind === 'mix') {
    const { changes, ...taken } = await mixRound(lab, learned, offered, exchange, round)
    return { ...after(changes, losses), ...added(cell, taken) }
  }
  return average(lab, alone, cell, exchange, offered)
}

async function average(
  lab: Lab,
  alone: CellState,
  before: CellState,
  exchange: AverageExchange,
  offered: readonly Change[],
): Promise<CellState> {
  const { change, velocity, ...taken } = await combine(lab, exchange, before, offered)
  return { ...alone, ...added(before, taken), changes: [change], ...(velocity && { velocity }) }
}

function added(cell: CellState, { offers, accepted, planted }: Offers): Partial<CellState> {
  const bad = {
    offers: (cell.planted?.offers ?? 0) + planted.offers,
    accepted: (cell.planted?.accepted ?? 0) + planted.accepted,
  }
  return {
    offers: cell.offers + offers,
    accepted: cell.accepted + accepted,
    ...(bad.offers > 0 && { planted: bad }),
  }
}

async function finishCell(lab: Lab, cell: CellState): Promise<Cell> {
  const { experiment } = lab
  const { arm, seed, base, offers, accepted, planted, training } = cell
  const losses: Losses[] = []
  for (const change of cell.changes) losses.push(await measure(lab, change, 'heldOut', experiment.heldOut))
  return {
    arm,
    seed,
    base: { ...base },
    nodes: honestNodes(experiment).map((node) => ({
      name: node.name,
      own: ownDomain(node),
      // Where all hold one change it stands for every node.
      losses: { ...((losses.length === 1 ? losses[0] : losses[experiment.nodes.indexOf(node)]) as Losses) },
    })),
    offers,
    accepted,
    ...(planted && { planted }),
    training: [...training],
  }
}

function textsFor(
  experiment: Experiment,
  texts: ReadonlyMap<Domain, DomainWindows>,
): ReadonlyMap<Domain, DomainWindows> {
  const missing = domainsOf(experiment).find((domain) => !texts.has(domain))
  if (missing === undefined) return texts
  throw new CentramError('BAD_ARGUMENT', `The experiment reads "${missing}", of which there is no text here.`)
}
