// The fake node's experiments: one that has ended, one under way, and whatever is started. Their losses are made up.

import { domainsOf, type Experiment } from '../../../worker/core/experiments/experiment.ts'
import { PUBLISHED } from '../../../worker/core/experiments/published.ts'
import type { Cell } from '../../../worker/core/experiments/result.ts'
import type { NodeState } from '../../../worker/node/api.ts'
import type { ExperimentApi, ExperimentState } from '../../../worker/node/experiment-api.ts'

const DAY = Date.UTC(2026, 10, 23, 9, 30)

function cell(experiment: Experiment, arm: string, seed: number): Cell {
  const domains = domainsOf(experiment)
  const noise = (index: number) => 0.006 * Math.sin(seed * 12.9898 + index * 4.1)
  const trades = experiment.arms.find(({ name }) => name === arm)?.exchange.kind === 'mix'
  return {
    arm,
    seed,
    base: Object.fromEntries(domains.map((domain, i) => [domain, 2.1 + 0.1 * i])),
    nodes: experiment.nodes.map(({ name }, node) => ({
      name,
      own: domains[node % domains.length] ?? 'novel',
      losses: Object.fromEntries(
        domains.map((domain, i) => [
          domain,
          2.1 + 0.1 * i + (i === node ? -0.05 : trades ? -0.004 : 0.012) + noise(i + node),
        ]),
      ),
    })),
    offers: trades ? 24 : 0,
    accepted: trades ? 3 + (seed % 3) : 0,
    training: Array.from({ length: experiment.rounds }, (_, round) => 2.2 - 0.03 * round + noise(round)),
  }
}

const state = (id: string, published: number, cells: number, more: Partial<ExperimentState>): ExperimentState => {
  const experiment = PUBLISHED[published]?.experiment as Experiment
  const all = experiment.seeds.flatMap((seed) => experiment.arms.map(({ name }) => cell(experiment, name, seed)))
  return {
    id,
    createdAt: DAY,
    experiment,
    status: 'finished',
    progress: 1,
    secondsLeft: null,
    cells: all.slice(0, cells),
    adapters: ['nvidia ada-lovelace NVIDIA GeForce RTX 4070 Laptop GPU'],
    error: null,
    ...more,
  }
}

export const FAKE_EXPERIMENTS: readonly ExperimentState[] = [
  state('e2', 0, 3, { status: 'running', progress: 0.34, secondsLeft: 412, createdAt: DAY + 1 }),
  state('e1', 2, 10, {}),
]

export function createFakeExperiments(
  get: () => NodeState,
  update: (change: Partial<NodeState>) => void,
): ExperimentApi {
  let made = 0
  const set = (id: string, change: Partial<ExperimentState>) =>
    update({ experiments: get().experiments.map((one) => (one.id === id ? { ...one, ...change } : one)) })
  return {
    async startExperiment(experiment) {
      const id = `started-${++made}`
      const started: ExperimentState = {
        ...state(id, 0, 0, {}),
        experiment,
        status: 'running',
        progress: 0,
        createdAt: DAY + 10 + made,
      }
      update({ experiments: [started, ...get().experiments] })
      return id
    },
    pauseExperiment: async (id) => set(id, { status: 'paused', secondsLeft: null }),
    resumeExperiment: async (id) => set(id, { status: 'running' }),
    removeExperiment: async (id) => update({ experiments: get().experiments.filter((one) => one.id !== id) }),
  }
}
