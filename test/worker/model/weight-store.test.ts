// Tensors that several shards of a GPU hold: loaded once, freed with the last holder, kept for the next where that is wanted.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createWeightStore } from '../../../worker/model/weight-store.ts'

function createTensors() {
  const live = new Map<string, number>()
  const count = (name: string, change: number) => live.set(name, (live.get(name) ?? 0) + change)
  let loads = 0
  return {
    live: () => [...live].flatMap(([name, copies]) => (copies === 0 ? [] : [[name, copies] as const])),
    loads: () => loads,
    load: (name: string) => async () => {
      loads++
      count(name, 1)
      await Promise.resolve()
      return [{ dispose: () => count(name, -1) }]
    },
  }
}

test('is loaded once for all who hold it at a time, and freed with the last', async () => {
  const tensors = createTensors()
  const store = createWeightStore()
  const both = await Promise.all([store.hold('a', tensors.load('a')), store.hold('a', tensors.load('a'))])
  expect(tensors.loads()).toBe(1)
  expect(both[0].parts).toBe(both[1].parts)
  both[0].release()
  both[0].release()
  expect(tensors.live()).toEqual([['a', 1]])
  both[1].release()
  expect(tensors.live()).toEqual([])
  await store.hold('a', tensors.load('a'))
  expect(tensors.loads()).toBe(2)
})

test('stays where someone listens, until it is freed, and what is wanted stays beyond that', async () => {
  const tensors = createTensors()
  let idle = 0
  const store = createWeightStore(() => idle++)
  const [a, b] = [await store.hold('a', tensors.load('a')), await store.hold('b', tensors.load('b'))]
  a.release()
  b.release()
  expect(idle).toBe(2)
  store.free((key) => key === 'a')
  expect(tensors.live()).toEqual([['a', 1]])
  const again = await store.hold('a', tensors.load('a'))
  expect(tensors.loads()).toBe(2)
  store.free()
  expect(tensors.live()).toEqual([['a', 1]])
  again.release()
  store.free()
  expect(tensors.live()).toEqual([])
})

test('who waits for a load that its beginner gave up loads it itself', async () => {
  const tensors = createTensors()
  const store = createWeightStore()
  const cancelled = store.hold('a', () => Promise.reject(new Error('cancelled')))
  const waiting = store.hold('a', tensors.load('a'))
  await expect(cancelled).rejects.toThrow('cancelled')
  expect((await waiting).parts).toHaveLength(1)
  expect(tensors.loads()).toBe(1)
})

test('whatever is held and released in whatever order, what is held lives once and nothing else is left', async () => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    what: fc.constantFrom('hold', 'release', 'free', 'fail'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const tensors = createTensors()
      const store = createWeightStore(() => undefined)
      const held = new Map<string, (() => void)[]>()
      for (const { key, what } of steps) {
        const mine = held.get(key) ?? []
        held.set(key, mine)
        if (what === 'hold') mine.push((await store.hold(key, tensors.load(key))).release)
        if (what === 'release') mine.pop()?.()
        if (what === 'free') store.free()
        if (what === 'fail') {
          const attempt = store.hold(key, () => Promise.reject(new Error('no')))
          await attempt.then(({ release }) => release()).catch(() => undefined)
        }
        for (const [name, copies] of tensors.live()) expect([name, copies]).toEqual([name, 1])
        for (const [name, holders] of held) {
          if (holders.length > 0) expect(tensors.live()).toContainEqual([name, 1])
        }
      }
      store.free()
      const left = [...held].filter(([, holders]) => holders.length > 0).map(([name]) => name)
      expect(
        tensors
          .live()
          .map(([name]) => name)
          .sort(),
      ).toEqual(left.sort())
    }),
    { numRuns: 300 },
  )
})
