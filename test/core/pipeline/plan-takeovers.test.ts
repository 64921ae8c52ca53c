// Who takes over lost stages, and who keeps which ready.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  placeLayers,
  stageBytes,
  tokenSeconds,
  type PlacementModel,
  type PlacementNode,
  type PlannedStage,
} from '#core/pipeline/place-layers.ts'
import { planSpares } from '#core/pipeline/plan-spares.ts'
import { planTakeovers, type Takeover } from '#core/pipeline/plan-takeovers.ts'

const model = fc.record<PlacementModel>({
  layerBytes: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 4, maxLength: 8 }),
  cacheBytesPerLayer: fc.integer({ min: 0, max: 5 }),
  embeddingBytes: fc.integer({ min: 0, max: 40 }),
  headBytes: fc.integer({ min: 0, max: 40 }),
})
const nodes = fc
  .array(
    fc.record({
      budgetBytes: fc.integer({ min: 60, max: 500 }),
      bytesPerSecond: fc.integer({ min: 1, max: 100_000 }),
      roundTripMs: fc.integer({ min: 0, max: 80 }),
    }),
    { minLength: 2, maxLength: 5 },
  )
  .map((list): PlacementNode[] => list.map((node, index) => ({ id: `n${index}`, ...node })))

interface Case {
  readonly shape: PlacementModel
  readonly offered: readonly PlacementNode[]
  readonly stages: readonly PlannedStage[]
  readonly left: readonly PlacementNode[]
  readonly ready: readonly Takeover[]
  readonly lost: readonly number[]
}

/** A plan, of whose nodes some are lost, and what spares there were. */
function caseOf(shape: PlacementModel, offered: readonly PlacementNode[], losses: number): Case | null {
  let stages
  try {
    stages = placeLayers(shape, offered, losses % 2 === 0 ? 'all' : 'fewest')
  } catch {
    return null
  }
  const gone = new Set(
    offered
      .slice(1)
      .filter((_, index) => (losses >> index) & 1)
      .map(({ id }) => id),
  )
  const left = offered.filter(({ id }) => !gone.has(id))
  const ready = planSpares(shape, stages, offered).filter(({ nodeId }) => !gone.has(nodeId))
  const lost = [...stages.keys()].filter((index) => gone.has(stages[index]?.nodeId ?? ''))
  return { shape, offered, stages, left, ready, lost }
}

const holdersOf = ({ stages }: Case, takeovers: readonly Takeover[]) =>
  stages.map(({ nodeId }, index) => takeovers.find(({ stage }) => stage === index)?.nodeId ?? nodeId)

/** What every node holds, its spare stages among it. */
function bytesBy({ shape, stages, ready }: Case, holders: readonly string[]): Map<string, number> {
  const used = new Map<string, number>()
  const stagesOf = new Map<string, Set<number>>()
  const add = (nodeId: string, stage: number) => stagesOf.set(nodeId, (stagesOf.get(nodeId) ?? new Set()).add(stage))
  for (const [stage, nodeId] of holders.entries()) add(nodeId, stage)
  for (const { nodeId, stage } of ready) add(nodeId, stage)
  for (const [nodeId, held] of stagesOf) {
    const bytes = [...held].reduce(
      (sum, stage) => sum + stageBytes(shape, stages[stage]?.range ?? { first: 0, last: 0 }),
      0,
    )
    used.set(nodeId, bytes)
  }
  return used
}

const fits = (one: Case, holders: readonly string[]) =>
  [...bytesBy(one, holders)].every(([nodeId, bytes]) => {
    return bytes <= (one.left.find(({ id }) => id === nodeId)?.budgetBytes ?? 0)
  })

/** Fewer stages to load first, then the quicker token. */
function costOf(one: Case, takeovers: readonly Takeover[]): readonly [number, number] {
  const loads = takeovers.filter(
    (taken) => !one.ready.some((r) => r.stage === taken.stage && r.nodeId === taken.nodeId),
  )
  const placed = holdersOf(one, takeovers).map((nodeId, index) => ({
    node: one.left.find(({ id }) => id === nodeId) as PlacementNode,
    range: one.stages[index]?.range ?? { first: 0, last: 0 },
  }))
  return [loads.length, tokenSeconds(one.shape, placed)]
}

function everyWay({ lost, left }: Case): Takeover[][] {
  return lost.reduce<Takeover[][]>(
    (ways, stage) => ways.flatMap((way) => left.map(({ id }) => [...way, { stage, nodeId: id }])),
    [[]],
  )
}

test('gives every lost stage and no other to nodes with the memory for it, as cheaply as any way there is', () => {
  let repaired = 0
  let impossible = 0
  fc.assert(
    fc.property(model, nodes, fc.integer({ min: 1, max: 15 }), (shape, offered, losses) => {
      const one = caseOf(shape, offered, losses)
      if (!one || one.lost.length === 0) return
      const takeovers = planTakeovers(shape, one.stages, one.left, one.ready)
      const ways = everyWay(one).filter((way) => fits(one, holdersOf(one, way)))
      expect(takeovers === null).toBe(ways.length === 0)
      if (!takeovers) {
        impossible++
        return
      }
      repaired++
      expect(takeovers.map(({ stage }) => stage)).toEqual(one.lost)
      expect(fits(one, holdersOf(one, takeovers))).toBe(true)
      const [loads, seconds] = costOf(one, takeovers)
      const costs = ways.map((way) => costOf(one, way))
      const fewest = Math.min(...costs.map(([count]) => count))
      expect(loads).toBe(fewest)
      const quickest = Math.min(...costs.filter(([count]) => count === fewest).map(([, time]) => time))
      expect(seconds).toBeCloseTo(quickest, 9)
      expect(planTakeovers(shape, one.stages, [...one.left].reverse(), [...one.ready].reverse())).toEqual(takeovers)
    }),
    { numRuns: 1500 },
  )
  expect(Math.min(repaired, impossible)).toBeGreaterThan(20)
})

test('nothing lost, nothing taken over; the asker’s own stage is nobody else’s', () => {
  const shape = { layerBytes: [1, 1, 1], cacheBytesPerLayer: 0, embeddingBytes: 0, headBytes: 0 }
  const offered = ['a', 'b', 'c'].map((id) => ({ id, budgetBytes: 10, bytesPerSecond: 1 }))
  const stages = placeLayers(shape, offered)
  expect(planTakeovers(shape, stages, offered)).toEqual([])
  expect(planTakeovers(shape, stages, offered.slice(1))).toBeNull()
})

test('many stages lost among many nodes are given away too', () => {
  const shape = { layerBytes: new Array<number>(40).fill(1), cacheBytesPerLayer: 0, embeddingBytes: 0, headBytes: 0 }
  const offered = Array.from({ length: 20 }, (_, index) => ({ id: `n${index}`, budgetBytes: 6, bytesPerSecond: 1 }))
  const stages = placeLayers(shape, offered)
  const left = offered.filter((_, index) => index % 2 === 0)
  const takeovers = planTakeovers(shape, stages, left)
  expect(takeovers).toHaveLength(10)
  const holders = stages.map(({ nodeId }, index) => takeovers?.find(({ stage }) => stage === index)?.nodeId ?? nodeId)
  for (const { id, budgetBytes } of left) {
    const held = stages.filter((_, index) => holders[index] === id)
    expect(held.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(budgetBytes)
  }
})

test('spares fit into what their nodes offer, hold no stage of the plan, and cover each stage before one twice', () => {
  let kept = 0
  fc.assert(
    fc.property(model, nodes, (shape, offered) => {
      const one = caseOf(shape, offered, 1)
      if (!one) return
      const spares = planSpares(shape, one.stages, offered)
      kept += spares.length
      const holders = new Set(one.stages.map(({ nodeId }) => nodeId))
      for (const { id, budgetBytes } of offered) {
        const mine = spares.filter(({ nodeId }) => nodeId === id)
        if (holders.has(id)) expect(mine).toEqual([])
        const bytes = mine.map(({ stage }) => one.stages[stage]?.bytes ?? Infinity)
        expect(bytes.reduce((sum, value) => sum + value, 0)).toBeLessThanOrEqual(budgetBytes)
      }
      // What is kept ready stays, and nothing else is asked for.
      expect(planSpares(shape, one.stages, [...offered].reverse(), spares)).toEqual(spares)
      expect(spares.every(({ stage }) => stage > 0)).toBe(true)
    }),
    { numRuns: 1500 },
  )
  expect(kept).toBeGreaterThan(20)
  const shape = { layerBytes: [1, 1, 1], cacheBytesPerLayer: 0, embeddingBytes: 0, headBytes: 0 }
  const offered = ['a', 'b', 'c'].map((id) => ({ id, budgetBytes: 1, bytesPerSecond: 1 }))
  const spare = (id: string) => ({ id, budgetBytes: 1, bytesPerSecond: 1 })
  const crowd = [...offered, spare('d'), spare('e'), spare('f')]
  expect(
    planSpares(shape, placeLayers(shape, offered), crowd)
      .map(({ stage }) => stage)
      .sort(),
  ).toEqual([1, 1, 2])
})
