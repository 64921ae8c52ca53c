import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { errorCode } from '#core/errors.ts'
import {
  placeLayers,
  stageBytes,
  stageSeconds,
  type PlacementModel,
  type PlacementNode,
} from '#core/pipeline/place-layers.ts'

const model = fc.record<PlacementModel>({
  layerBytes: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 7 }),
  cacheBytesPerLayer: fc.integer({ min: 0, max: 5 }),
  embeddingBytes: fc.integer({ min: 0, max: 60 }),
  headBytes: fc.integer({ min: 0, max: 60 }),
})
const nodes = fc
  .array(
    fc.record({ budgetBytes: fc.integer({ min: 1, max: 400 }), bytesPerSecond: fc.integer({ min: 1, max: 100 }) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((list): PlacementNode[] => list.map((node, index) => ({ id: `n${index}`, ...node })))

/** Every way to cut the layers over the asker and all the others in any order, each with at least one layer. */
function bruteForce(shape: PlacementModel, asker: PlacementNode, others: readonly PlacementNode[]): number {
  const layers = shape.layerBytes.length
  const search = (first: number, node: PlacementNode, rest: readonly PlacementNode[]): number => {
    let best = Infinity
    for (let last = first + 1; last <= layers; last++) {
      if ((rest.length === 0) !== (last === layers)) continue
      const range = { first, last }
      if (stageBytes(shape, range) > node.budgetBytes) continue
      const here = stageSeconds(shape, range, node)
      if (rest.length === 0) best = Math.min(best, here)
      for (const next of rest) {
        best = Math.min(
          best,
          Math.max(
            here,
            search(
              last,
              next,
              rest.filter((other) => other !== next),
            ),
          ),
        )
      }
    }
    return best
  }
  return search(0, asker, others)
}

describe('placeLayers', () => {
  test('holds every layer once, in order, within memory, and begins with the asker', () => {
    fc.assert(
      fc.property(model, nodes, (shape, offered) => {
        let plan
        try {
          plan = placeLayers(shape, offered)
        } catch (error) {
          expect(errorCode(error)).toBe('NO_CAPACITY')
          return
        }
        expect(plan[0]?.nodeId).toBe('n0')
        expect(new Set(plan.map((stage) => stage.nodeId)).size).toBe(plan.length)
        let next = 0
        for (const stage of plan) {
          expect(stage.range.first).toBe(next)
          expect(stage.range.last).toBeGreaterThan(stage.range.first)
          next = stage.range.last
          const node = offered.find((other) => other.id === stage.nodeId)
          expect(stage.bytes).toBeLessThanOrEqual(node?.budgetBytes ?? 0)
        }
        expect(next).toBe(shape.layerBytes.length)
      }),
      { numRuns: 2000 },
    )
  })

  test('uses every node where a plan with all of them fits, near the best order', () => {
    fc.assert(
      fc.property(model, nodes, (shape, offered) => {
        const [asker, ...others] = offered
        if (!asker || others.length >= shape.layerBytes.length) return
        const seconds = (plan: ReturnType<typeof placeLayers>) =>
          Math.max(
            ...plan.map((stage) => {
              const node = offered.find((other) => other.id === stage.nodeId)
              return node ? stageSeconds(shape, stage.range, node) : Infinity
            }),
          )
        const best = bruteForce(shape, asker, others)
        if (best === Infinity) return
        // Two or three nodes: every order is tried, so the plan is the best there is.
        if (offered.length > 3) return
        const plan = placeLayers(shape, offered)
        expect(plan).toHaveLength(offered.length)
        expect(seconds(plan)).toBeCloseTo(best, 9)
      }),
      { numRuns: 2000 },
    )
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
