// The runner over a learner that is computed here: each domain has a point, a change is a vector that training draws towards
// what it reads, and the loss is the distance. So what exchange and gate must do is known.

import { expect, test } from 'vitest'
import { parseExperiment, unitsOf, type AverageExchange, type Experiment } from '#core/experiments/experiment.ts'
import { PUBLISHED } from '#core/experiments/published.ts'
import { deltasOf, type Cell } from '#core/experiments/result.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Domain, DomainWindows } from '#core/experiments/texts.ts'
import { seededConfig } from '#core/training/seeded-model.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { mixChanges } from '../../../worker/experiments/mix-changes.ts'
import { offerOf } from '../../../worker/experiments/offers.ts'
import { decodeRunState, encodeRunState, NOTHING_RUN, type RunState } from '../../../worker/experiments/run-state.ts'
import { runExperiment } from '../../../worker/experiments/run-experiment.ts'
import type { Change, Learner } from '../../../worker/train/learner.ts'

const base = PUBLISHED[0]?.experiment as Experiment
const DOMAIN_POINTS: Readonly<Partial<Record<Domain, readonly number[]>>> = {
  novel: [1, 0, 0],
  countries: [0, 1, 0],
  definitions: [0, 0, 1],
}
const NAMES = Object.keys(DOMAIN_POINTS) as Domain[]
const WEIGHT = 'token_embd.weight'

/** A window carries its domain and its part; tokens say no more. */
const windows = (domain: number, part: number, count: number): PackedSequence[] =>
  Array.from({ length: count }, () => ({
    tokens: Uint32Array.of(domain, part),
    targets: Uint32Array.of(0, 0),
    starts: new Uint32Array(2),
    counted: 2,
  }))

const texts = new Map(
  NAMES.map((name, i): [Domain, DomainWindows] => [
    name,
    { train: windows(i, 0, 40), probe: windows(i, 1, 16), heldOut: windows(i, 2, 32) },
  ]),
)

const vectorOf = (change: Change): Float32Array =>
  change.kind === 'full' ? (change.weights.get(WEIGHT) as Float32Array) : new Float32Array(3)

interface Seen {
  readonly trained: number[]
  readonly measured: { readonly part: number; readonly domain: number }[]
}

function createLearner(seen: Seen): Learner {
  const distance = (change: Change, domain: number) =>
    Math.hypot(...vectorOf(change).map((value, i) => value - (DOMAIN_POINTS[NAMES[domain] as Domain]?.[i] ?? 0)))
  return {
    // Only its shape is asked for.
    model: { config: seededConfig('gpt2') } as OpenedModel,
    weights: async () => new Map([[WEIGHT, new Float32Array(3)]]),
    async train(change, sequences, plan) {
      const vector = new Float32Array(vectorOf(change))
      for (const { tokens } of sequences) {
        seen.trained.push(tokens[1] as number)
        const point = DOMAIN_POINTS[NAMES[tokens[0] as number] as Domain] ?? []
        for (let i = 0; i < 3; i++) vector[i]! += 0.004 * ((point[i] ?? 0) - vector[i]!)
      }
      // Something of the seed, so that seeds differ.
      vector[0]! += (plan.seed % 7) * 1e-4
      return { change: { kind: 'full', weights: new Map([[WEIGHT, vector]]) }, loss: distance(change, 0) }
    },
    async losses(change, lists) {
      return lists.map((list) => {
        const [window] = list
        seen.measured.push({ part: window?.tokens[1] as number, domain: window?.tokens[0] as number })
        return distance(change, window?.tokens[0] as number)
      })
    },
  }
}

interface Ran {
  readonly cells: Awaited<ReturnType<typeof runExperiment>>
  readonly states: RunState[]
  readonly seen: Seen
  readonly units: number[]
}

async function run(experiment: Experiment, state: RunState = NOTHING_RUN, stopAfter = Infinity): Promise<Ran> {
  const seen: Seen = { trained: [], measured: [] }
  const states: RunState[] = []
  const units: number[] = []
  const stop = new AbortController()
  const cells = await runExperiment(experiment, {
    learnerFor: async () => createLearner(seen),
    texts,
    state,
    onProgress: (done) => units.push(done),
    async save(saved) {
      states.push(saved)
      if (states.length >= stopAfter) stop.abort('enough')
    },
    signal: stop.signal,
  }).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
    return []
  })
  return { cells, states, seen, units }
}

const withArms = (arms: Experiment['arms'], more: Partial<Experiment> = {}) =>
  parseExperiment({ ...base, arms, seeds: [1, 2], rounds: 3, ...more })

const own = { name: 'own only', exchange: { kind: 'none' } } as const
const mixed = (judge: 'generalist' | 'own' | 'none', peerWeight = 0.15) =>
  ({
    name: judge,
    exchange: { kind: 'mix', operator: 'linear', peerWeight, gate: { judge, tolerance: 0, probes: 8 } },
  }) as const

test('every arm runs for every seed, and progress ends at its whole', async () => {
  const experiment = withArms([own, mixed('generalist'), { name: 'joint', exchange: { kind: 'joint' } }])
  const { cells, units } = await run(experiment)
  expect(cells.map(({ arm, seed }) => `${arm} ${seed}`)).toEqual([
    'own only 1',
    'generalist 1',
    'joint 1',
    'own only 2',
    'generalist 2',
    'joint 2',
  ])
  expect(units.at(-1)).toBe(unitsOf(experiment))
  expect(units).toEqual([...units].sort((a, b) => a - b))
  expect(cells.every(({ nodes }) => nodes.length === 3)).toBe(true)
})

test('own training helps its own domain; joint training helps all; what peers share is taken where the judge gains', async () => {
  const { cells } = await run(
    withArms([own, mixed('generalist'), mixed('own'), mixed('none'), { name: 'joint', exchange: { kind: 'joint' } }]),
  )
  const of = (arm: string) => cells.filter((cell) => cell.arm === arm)
  for (const cell of of('own only')) {
    expect(cell.offers).toBe(0)
    expect(deltasOf(cell).own).toBeGreaterThan(0)
    expect(deltasOf(cell).cross).toBeLessThan(0)
  }
  for (const cell of of('joint')) expect(deltasOf(cell).generalist).toBeGreaterThan(0)
  // Three nodes, two peers each, three rounds. Nearer to the middle of all points is better for the generalist …
  for (const cell of of('generalist')) expect([cell.offers, cell.accepted]).toEqual([18, 18])
  // … and away from one's own point is worse for oneself, so this judge refuses everything.
  for (const cell of of('own')) expect([cell.offers, cell.accepted]).toEqual([18, 0])
  for (const cell of of('none')) expect([cell.offers, cell.accepted]).toEqual([18, 18])
  const [alone] = of('own only')
  const [kept] = of('own')
  expect(kept?.nodes.map(({ losses }) => losses)).toEqual(alone?.nodes.map(({ losses }) => losses))
})

const averaged = (name: string, more: Partial<AverageExchange> = {}) => ({
  name,
  exchange: {
    kind: 'average' as const,
    operator: 'exact' as const,
    when: 'rounds' as const,
    gate: { judge: 'none' as const, tolerance: 0, probes: 9 },
    ...more,
  },
})

test('nodes that go on from one average are all the same, and better at all than each alone', async () => {
  const { cells } = await run(
    withArms([
      own,
      averaged('average'),
      averaged('once', { when: 'end' }),
      averaged('outer', { outer: { learningRate: 1, momentum: 0.5 } }),
      averaged('plain outer', { outer: { learningRate: 1, momentum: 0 } }),
      averaged('learned', { operator: 'learned' }),
      { name: 'joint', exchange: { kind: 'joint' } },
    ]),
  )
  const of = (arm: string) => cells.find((cell) => cell.arm === arm) as Cell
  const gain = (arm: string) => deltasOf(of(arm)).generalist
  for (const { losses } of of('average').nodes) expect(losses).toEqual(of('average').nodes[0]?.losses)
  expect(gain('average')).toBeGreaterThan(gain('own only'))
  expect(gain('once')).toBeCloseTo(gain('average'), 3)
  // Three rounds of momentum go further than three steps; found weights do too, for they may be more than the mean.
  expect(gain('outer')).toBeGreaterThan(gain('average'))
  expect(gain('learned')).toBeGreaterThan(gain('average'))
  expect(gain('plain outer')).toBeCloseTo(gain('average'), 6)
  expect(gain('joint')).toBeGreaterThan(gain('average'))
  expect([of('average').offers, of('average').accepted]).toEqual([9, 9])
  expect([of('once').offers, of('once').accepted]).toEqual([3, 3])
})

test('what is planted is refused, what is honest is not, and neither counts as the other', async () => {
  const nodes = base.nodes.map((node, i) => (i === 2 ? { ...node, offers: 'flipped' as const } : node))
  const gate = { judge: 'generalist', tolerance: 0, probes: 9 } as const
  const { cells } = await run(withArms([averaged('gated', { gate }), averaged('open')], { nodes }))
  const [gated, open] = cells
  expect(gated?.nodes.map(({ name }) => name)).toEqual(nodes.slice(0, 2).map(({ name }) => name))
  expect([gated?.offers, gated?.accepted]).toEqual([6, 6])
  expect(gated?.planted).toEqual({ offers: 3, accepted: 0 })
  expect(open?.planted).toEqual({ offers: 3, accepted: 3 })
})

test('planted offers are what was learned turned round, ten times as large, or noise of three times its size', () => {
  const start: Change = { kind: 'full', weights: new Map([[WEIGHT, new Float32Array(1000).fill(1)]]) }
  const learned: Change = { kind: 'full', weights: new Map([[WEIGHT, new Float32Array(1000).fill(1.5)]]) }
  const of = (offers?: 'flipped' | 'boosted' | 'noise') =>
    vectorOf(
      offerOf({ name: 'x', reads: { novel: 1 }, ...(offers && { offers }) }, learned, start, {
        seed: 1,
        node: 0,
        round: 0,
      }),
    )
  expect(of()[0]).toBe(1.5)
  expect(of('flipped')[0]).toBe(0.5)
  expect(of('boosted')[0]).toBe(6)
  const steps = of('noise').map((value) => value - 1)
  expect(Math.hypot(...steps) / Math.sqrt(1000)).toBeCloseTo(1.5, 1)
  expect(Math.abs(steps.reduce((sum, value) => sum + value, 0) / 1000)).toBeLessThan(0.15)
})

test('no gate and no training ever sees what is held out, and measures see nothing else', async () => {
  const { seen, cells } = await run(withArms([own, mixed('generalist')]))
  expect(new Set(seen.trained)).toEqual(new Set([0]))
  expect(new Set(seen.measured.map(({ part }) => part))).toEqual(new Set([1, 2]))
  // Base of each seed, and each node of each cell at its end, over three domains.
  expect(seen.measured.filter(({ part }) => part === 2)).toHaveLength(2 * 3 + cells.length * 3 * 3)
})

test('a run stopped after any round goes on to the very same figures', async () => {
  const experiment = withArms([
    own,
    mixed('generalist'),
    averaged('outer', { outer: { learningRate: 0.7, momentum: 0.9 } }),
  ])
  const whole = await run(experiment)
  for (const stopAfter of [1, 3, 4, 6, 9]) {
    const stopped = await run(experiment, NOTHING_RUN, stopAfter)
    const kept = await decodeRunState(encodeRunState(stopped.states.at(-1) ?? NOTHING_RUN))
    const rest = await run(experiment, kept)
    expect(rest.cells).toEqual(whole.cells)
    // It does not begin again: fewer steps than the whole.
    expect(rest.seen.trained.length).toBeLessThan(whole.seen.trained.length)
  }
})

test('a run that has ended has nothing left to do', async () => {
  const experiment = withArms([own])
  const { cells } = await run(experiment)
  const again = await run(experiment, { cells, current: null })
  expect(again.cells).toEqual(cells)
  expect(again.seen.measured).toEqual([])
})

test('adapters survive being kept, and are mixed factor by factor', async () => {
  const lora = { targets: ['attn_qkv'], rank: 1, alpha: 2, rankStabilised: false } as const
  const change = (a: number[], b: number[]): Change => ({
    kind: 'lora',
    freezeA: false,
    adapter: { lora, modules: new Map([['blk.0.attn_qkv', { a: Float32Array.from(a), b: Float32Array.from(b) }]]) },
  })
  const [x, y] = [change([1, 0], [2, 4]), change([0, 1], [4, 2])]
  const linear = mixChanges(x, y, { operator: 'linear', peerWeight: 0.25 }, null)
  if (linear.kind !== 'lora') throw new Error('expected an adapter')
  expect([...(linear.adapter.modules.get('blk.0.attn_qkv')?.a ?? [])]).toEqual([0.75, 0.25])
  expect([...(linear.adapter.modules.get('blk.0.attn_qkv')?.b ?? [])]).toEqual([2.5, 3.5])
  const turned = mixChanges(x, y, { operator: 'slerp', peerWeight: 0.5 }, null)
  if (turned.kind !== 'lora') throw new Error('expected an adapter')
  // Half way along the circle the length stays.
  for (const value of turned.adapter.modules.get('blk.0.attn_qkv')?.a ?? []) expect(value).toBeCloseTo(Math.SQRT1_2)

  const current = {
    arm: 'x',
    seed: 1,
    base: { novel: 1 },
    rounds: 1,
    changes: [x, y],
    offers: 2,
    accepted: 1,
    training: [1],
  }
  expect(await decodeRunState(encodeRunState({ cells: [], current }))).toEqual({ cells: [], current })
  const framed = { ...x, bases: new Map([['blk.0.attn_qkv', Float32Array.of(0.6, 0.8)]]) }
  const kept = await decodeRunState(encodeRunState({ cells: [], current: { ...current, changes: [framed, y] } }))
  expect(kept.current?.changes).toEqual([framed, y])
  await expect(decodeRunState(new Uint8Array(64))).rejects.toThrow(expect.objectContaining({ name: 'CentramError' }))
})
