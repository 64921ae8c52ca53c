import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { errorCode } from '#core/errors.ts'
import {
  placeLayers,
  stageBytes,
  stageSeconds,
  tokenSeconds,
  type PlacementModel,
  type PlacementNode,
  type Spread,
} from '#core/pipeline/place-layers.ts'

const model = fc.record<PlacementModel>({
  layerBytes: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 7 }),
  cacheBytesPerLayer: fc.integer({ min: 0, max: 5 }),
  embeddingBytes: fc.integer({ min: 0, max: 60 }),
  headBytes: fc.integer({ min: 0, max: 60 }),
})
const nodes = fc
  .array(
    fc.record({
      budgetBytes: fc.integer({ min: 1, max: 400 }),
      // Layers of up to 50 bytes: from microseconds to tenths of a second each, beside hops of milliseconds.
      bytesPerSecond: fc.integer({ min: 1, max: 100_000 }),
      roundTripMs: fc.integer({ min: 0, max: 80 }),
    }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((list): PlacementNode[] => list.map((node, index) => ({ id: `n${index}`, ...node })))

interface Placed {
  readonly node: PlacementNode
  readonly range: { first: number; last: number }
}

/** Every plan there is: the layers cut over the asker and any of the others, in any order. */
function* everyPlan(
  shape: PlacementModel,
  asker: PlacementNode,
  others: readonly PlacementNode[],
): Generator<Placed[]> {
  const layers = shape.layerBytes.length
  function* from(first: number, node: PlacementNode, rest: readonly PlacementNode[]): Generator<Placed[]> {
    for (let last = first + 1; last <= layers; last++) {
      const range = { first, last }
      if (stageBytes(shape, range) > node.budgetBytes) continue
      if (last === layers) yield [{ node, range }]
      for (const next of last < layers ? rest : []) {
        const left = rest.filter((other) => other !== next)
        for (const plan of from(last, next, left)) yield [{ node, range }, ...plan]
      }
    }
  }
  yield* from(0, asker, others)
}

const slowest = (shape: PlacementModel, plan: readonly Placed[]) =>
  Math.max(...plan.map(({ node, range }) => stageSeconds(shape, range, node)))

function placedOf(plan: ReturnType<typeof placeLayers>, offered: readonly PlacementNode[]): Placed[] {
  return plan.map(({ nodeId, range }) => {
    const node = offered.find(({ id }) => id === nodeId)
    if (!node) throw new Error(`${nodeId} was not offered`)
    return { node, range }
  })
}

/** Null where no plan fits. */
function attempt(shape: PlacementModel, offered: readonly PlacementNode[], spread: Spread) {
  try {
    return placeLayers(shape, offered, spread)
  } catch (error) {
    expect(errorCode(error)).toBe('NO_CAPACITY')
    return null
  }
}

const spreads = fc.constantFrom<Spread>('all', 'fewest')

describe('placeLayers', () => {
  test('holds every layer once, in order, within memory, and begins with the asker', () => {
    fc.assert(
      fc.property(model, nodes, spreads, (shape, offered, spread) => {
        const plan = attempt(shape, offered, spread)
        if (!plan) return
        expect(plan[0]?.nodeId).toBe('n0')
        expect(new Set(plan.map((stage) => stage.nodeId)).size).toBe(plan.length)
        let next = 0
        for (const stage of plan) {
          expect(stage.range.first).toBe(next)
          expect(stage.range.last).toBeGreaterThan(stage.range.first)
          next = stage.range.last
          const node = offered.find((other) => other.id === stage.nodeId)
          expect(stage.bytes).toBe(stageBytes(shape, stage.range))
          expect(stage.bytes).toBeLessThanOrEqual(node?.budgetBytes ?? 0)
        }
        expect(next).toBe(shape.layerBytes.length)
      }),
      { numRuns: 2000 },
    )
  })

  test('is the same whatever the order of the others, and each time', () => {
    fc.assert(
      fc.property(model, nodes, spreads, fc.nat(), (shape, offered, spread, turn) => {
        const [asker, ...others] = offered
        if (!asker) return
        const turned = others.map((_, index) => others[(index + turn) % others.length] as PlacementNode).reverse()
        expect(attempt(shape, [asker, ...turned], spread)).toEqual(attempt(shape, offered, spread))
      }),
      { numRuns: 1000 },
    )
  })

  test('`all` uses every node where a plan with all of them fits, and no slowest stage is quicker', () => {
    fc.assert(
      fc.property(model, nodes, (shape, offered) => {
        const [asker, ...others] = offered
        if (!asker) return
        const all = [...everyPlan(shape, asker, others)].filter((plan) => plan.length === offered.length)
        if (all.length === 0) return
        const plan = placedOf(placeLayers(shape, offered), offered)
        expect(plan).toHaveLength(offered.length)
        const best = Math.min(...all.map((other) => slowest(shape, other)))
        expect(slowest(shape, plan)).toBeCloseTo(best, 9)
      }),
      { numRuns: 600 },
    )
  })

  test('`fewest` takes the least time for a token there is, hops counted, and among equals the fewest nodes', () => {
    let needed = 0
    let worth = 0
    fc.assert(
      fc.property(model, nodes, (shape, offered) => {
        const [asker, ...others] = offered
        if (!asker) return
        const all = [...everyPlan(shape, asker, others)]
        const plan = attempt(shape, offered, 'fewest')
        expect(plan === null).toBe(all.length === 0)
        if (!plan) return
        const seconds = tokenSeconds(shape, placedOf(plan, offered))
        const best = Math.min(...all.map((other) => tokenSeconds(shape, other)))
        expect(seconds).toBeCloseTo(best, 9)
        const equals = all.filter((other) => Math.abs(tokenSeconds(shape, other) - best) < 1e-12)
        if (equals.length > 0) expect(plan.length).toBe(Math.min(...equals.map((other) => other.length)))
        const alone = all.find((other) => other.length === 1)
        if (plan.length > 1 && !alone) needed++
        if (plan.length > 1 && alone) worth++
        // No node is there that only costs: without it the token would be slower, or the model would not fit.
        if (alone && plan.length > 1) expect(seconds).toBeLessThan(tokenSeconds(shape, alone))
      }),
      { numRuns: 600 },
    )
    // Both reasons to add a node came up.
    expect(Math.min(needed, worth)).toBeGreaterThan(2)
  })

  test('equal nodes: `fewest` stays alone where the model fits, and takes the nearer one where it does not', () => {
    const shape = { layerBytes: new Array<number>(6).fill(10), cacheBytesPerLayer: 1, embeddingBytes: 0, headBytes: 0 }
    const offer = (budgetBytes: number) => [
      { id: 'asker', budgetBytes, bytesPerSecond: 1e4 },
      { id: 'far', budgetBytes, bytesPerSecond: 1e4, roundTripMs: 40 },
      { id: 'near', budgetBytes, bytesPerSecond: 1e4, roundTripMs: 2 },
    ]
    const holders = (budget: number) => placeLayers(shape, offer(budget), 'fewest').map(({ nodeId }) => nodeId)
    expect(holders(100)).toEqual(['asker'])
    expect(holders(40)).toEqual(['asker', 'near'])
    expect(new Set(holders(22))).toEqual(new Set(['asker', 'near', 'far']))
  })

  test('many nodes are placed too, within memory', () => {
    const shape = { layerBytes: new Array<number>(80).fill(10), cacheBytesPerLayer: 1, embeddingBytes: 9, headBytes: 9 }
    const crowd = Array.from({ length: 24 }, (_, index) => ({
      id: `n${index}`,
      budgetBytes: 60 + ((index * 37) % 50),
      bytesPerSecond: 1000 + ((index * 7919) % 5000),
      roundTripMs: (index * 13) % 60,
    }))
    for (const spread of ['all', 'fewest'] as const) {
      const plan = placeLayers(shape, crowd, spread)
      expect(plan.at(-1)?.range.last).toBe(80)
      for (const { nodeId, bytes } of plan) {
        expect(bytes).toBeLessThanOrEqual(crowd.find(({ id }) => id === nodeId)?.budgetBytes ?? 0)
      }
    }
  })

  test('gives the faster of two nodes more layers, in proportion', () => {
    const shape = { layerBytes: new Array<number>(30).fill(10), cacheBytesPerLayer: 0, embeddingBytes: 0, headBytes: 0 }
    const plan = placeLayers(shape, [
      { id: 'slow', budgetBytes: 1e6, bytesPerSecond: 100 },
      { id: 'fast', budgetBytes: 1e6, bytesPerSecond: 200 },
    ])
    expect(plan.map((stage) => stage.range)).toEqual([
      { first: 0, last: 10 },
      { first: 10, last: 30 },
    ])
  })

  test('says how much is missing when nothing fits', () => {
    const shape = { layerBytes: [5e6, 5e6], cacheBytesPerLayer: 0, embeddingBytes: 1e6, headBytes: 1e6 }
    expect(() => placeLayers(shape, [{ id: 'a', budgetBytes: 3e6, bytesPerSecond: 1 }])).toThrow(
      /needs 12 MB.*offers 3 MB/,
    )
  })
})
