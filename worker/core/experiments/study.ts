// The fair test of the claim: whether nodes that read different things get better at all of them by exchanging what they learned.
// Every arm has the same base, text, steps and seeds; what differs is what is exchanged and how it is put together.

import type { AverageExchange, Exchange, Experiment, ExperimentNode } from '#core/experiments/experiment.ts'
import { DOMAINS, type Domain } from '#core/experiments/texts.ts'

const SEEDS = [1, 2, 3, 4, 5]

const TRAINER: Experiment['trainer'] = {
  kind: 'lora',
  rank: 4,
  alpha: 8,
  freezeA: false,
  learningRate: 2e-3,
  steps: 8,
  batch: 8,
}

const OPEN: AverageExchange['gate'] = { judge: 'none', tolerance: 0, probes: 1 }
/** Probes of every domain, apart for each judge. */
const GATED: AverageExchange['gate'] = { judge: 'generalist', tolerance: 0, probes: 18 }
/** Small beside DiLoCo's, whose rounds are of hundreds of steps. */
const OUTER = { learningRate: 1, momentum: 0.5 }

const average = (operator: AverageExchange['operator'], more: Partial<AverageExchange> = {}): AverageExchange => ({
  kind: 'average',
  operator,
  when: 'rounds',
  gate: OPEN,
  ...more,
})

const ALONE = { name: 'own only', exchange: { kind: 'none' } as Exchange }
const JOINT = { name: 'joint', exchange: { kind: 'joint' } as Exchange }
/** The protocol that is put to the test: exact in ΔW, every round, with outer momentum, past a gate on private generalist probes. */
const PROTOCOL = { name: 'protocol', exchange: average('exact', { outer: OUTER, gate: GATED }) }

const node = (domain: Domain): ExperimentNode => ({ name: domain, reads: { [domain]: 1 } })

function study(name: string, title: string, nodes: readonly ExperimentNode[], arms: Experiment['arms']): Experiment {
  return {
    version: 1,
    name,
    title,
    base: 'built-in',
    nodes: [...nodes],
    trainer: TRAINER,
    rounds: 4,
    arms,
    seeds: SEEDS,
    heldOut: 32,
  }
}

const DIVERGENT = (['novel', 'countries', 'definitions'] as const).map(node)

const ARMS = study('fair-arms', 'Every way of putting together, three divergent domains', DIVERGENT, [
  ALONE,
  JOINT,
  {
    name: '0.85/0.15 mix',
    exchange: {
      kind: 'mix',
      operator: 'linear',
      peerWeight: 0.15,
      gate: { judge: 'generalist', tolerance: 0, probes: 8 },
    },
  },
  { name: 'FedAvg of A and B', exchange: average('factors') },
  { name: 'FFA-LoRA', exchange: average('factors'), freezeA: true },
  { name: 'Fed-SB', exchange: average('core') },
  { name: 'exact ΔW', exchange: average('exact') },
  { name: 'exact ΔW, shared A', exchange: average('exact'), freezeA: true },
  { name: 'stacked, SVD', exchange: average('svd') },
  { name: 'TIES', exchange: average('ties') },
  { name: 'DARE-TIES', exchange: average('dare-ties') },
  { name: 'SLERP', exchange: average('slerp') },
  { name: 'learned weights', exchange: average('learned', { gate: { ...OPEN, probes: 18 } }) },
  { name: 'merged once', exchange: average('exact', { when: 'end' }) },
  { name: 'outer momentum', exchange: average('exact', { outer: OUTER }) },
  PROTOCOL,
])

/** Branch-train-merge: whole models, trained apart and averaged once. */
const BRANCHES: Experiment = {
  ...study('fair-branches', 'Whole models: branch, train, merge', DIVERGENT, [
    ALONE,
    JOINT,
    { name: 'branch-train-merge', exchange: average('exact', { when: 'end' }) },
    { name: 'exact, every round', exchange: average('exact') },
    PROTOCOL,
  ]),
  trainer: { ...TRAINER, kind: 'full', learningRate: 5e-4 },
}

/** Every two domains: the protocol must do better than own training on each. */
const PAIRS = DOMAINS.flatMap((one, i) =>
  DOMAINS.slice(i + 1).map((other) =>
    study(
      `pair-${one}-${other}`,
      `Two domains: ${one} and ${other}`,
      [node(one), node(other)],
      [ALONE, JOINT, PROTOCOL],
    ),
  ),
)

const PLANTED = study(
  'fair-planted',
  'Six nodes, of which three offer something bad',
  [
    ...DIVERGENT,
    { name: 'flipped', reads: { novel: 1 }, offers: 'flipped' },
    { name: 'boosted', reads: { countries: 1 }, offers: 'boosted' },
    { name: 'noise', reads: { definitions: 1 }, offers: 'noise' },
  ],
  [ALONE, { name: 'no gate', exchange: average('exact', { outer: OUTER }) }, PROTOCOL],
)

/** The first of nine: every domain once, then three of them again, in another order of text. */
const PEERS: readonly ExperimentNode[] = [...DOMAINS, ...DOMAINS.slice(0, 3)].map((domain, i) => ({
  ...node(domain),
  name: i < DOMAINS.length ? domain : `${domain}, again`,
}))

const GROWTH = PEERS.map((_, i) => ({
  ...study(
    `peers-${i + 1}`,
    `The protocol with ${i + 1} ${i === 0 ? 'node' : 'nodes'}, measured on every domain`,
    PEERS.slice(0, i + 1),
    [PROTOCOL],
  ),
  measured: [...DOMAINS],
}))

export const STUDY: readonly Experiment[] = [ARMS, BRANCHES, PLANTED, ...PAIRS, ...GROWTH]
