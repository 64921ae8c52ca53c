// Layers that several plans want: loaded once, shared, and freed with the last who used them.

import { expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { createShardPool } from '../../../worker/hyperlink/shard-pool.ts'
import { createStepScheduler } from '../../../worker/hyperlink/step-scheduler.ts'
import { createFakeClock } from '../net/fake-clock.ts'
import { createFakeShard, FAKE_CONFIG, type FakeShard } from './fake-shard.ts'

function createPool() {
  const loads: {
    signal: AbortSignal
    progress(done: number): void
    finish(): FakeShard
    fail(): void
  }[] = []
  const pool = createShardPool(createStepScheduler(createFakeClock()))
  return {
    loads,
    acquire(asker: string, key = 'model/0/6') {
      const abort = new AbortController()
      const seen: number[] = []
      const shard = pool.acquire({
        key,
        asker,
        signal: abort.signal,
        onProgress: (done) => seen.push(done),
        load: (signal, onProgress) =>
          new Promise((resolve, reject) => {
            loads.push({
              signal,
              progress: (done) => onProgress(done, 1),
              finish() {
                const made = createFakeShard({ first: 0, last: FAKE_CONFIG.layers })
                resolve(made)
                return made
              },
              fail: () => reject(new CentramError('SOURCE_UNREACHABLE', 'The model is gone.')),
            })
          }),
      })
      return { shard, abort, seen }
    },
  }
}

const step = { tokens: Uint32Array.of(1) }

test('are loaded once and run their askers together', async () => {
  const { acquire, loads } = createPool()
  const [ada, ben, other] = [acquire('ada'), acquire('ben'), acquire('ben', 'another/0/6')]
  expect(loads).toHaveLength(2)
  loads[0]?.progress(0.5)
  expect([ada.seen, ben.seen, other.seen]).toEqual([[0.5], [0.5], []])
  const real = loads[0]?.finish()
  const sessions = []
  for (const asker of [ada, ben, acquire('cy')]) sessions.push(await (await asker.shard).openSession(100))
  expect(loads).toHaveLength(2)
  await Promise.all(sessions.map((session) => session.step(step, 'decode', 'token')))
  expect(real?.together).toEqual([2])
})

test('live until the last who uses them is done', async () => {
  const { acquire, loads } = createPool()
  const [ada, ben] = [acquire('ada'), acquire('ben')]
  const real = loads[0]?.finish()
  await (await ada.shard).openSession(10)
  const kept = await (await ben.shard).openSession(10)
  ;(await ada.shard).dispose()
  ;(await ada.shard).dispose()
  expect(real?.disposed).toBe(false)
  expect(real?.openSessions.size).toBe(1)
  await expect(kept.step(step, 'decode', 'token')).resolves.toMatchObject({ kind: 'token' })
  ;(await ben.shard).dispose()
  await expect.poll(() => real?.disposed).toBe(true)
  const again = acquire('ada')
  expect(loads).toHaveLength(2)
  loads[1]?.finish()
  await again.shard
})

test('go on loading for others when one gives up, and stop with the last', async () => {
  const { acquire, loads } = createPool()
  const [ada, ben] = [acquire('ada'), acquire('ben')]
  ada.abort.abort()
  await expect(ada.shard).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(loads[0]?.signal.aborted).toBe(false)
  ben.abort.abort()
  await expect(ben.shard).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(loads[0]?.signal.aborted).toBe(true)
  const real = loads[0]?.finish()
  await expect.poll(() => real?.disposed).toBe(true)
})

test('that could not be loaded are tried again by the next', async () => {
  const { acquire, loads } = createPool()
  const [ada, ben] = [acquire('ada'), acquire('ben')]
  loads[0]?.fail()
  for (const { shard } of [ada, ben]) await expect(shard).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  const cy = acquire('cy')
  loads[1]?.finish()
  await expect(cy.shard).resolves.toMatchObject({ hasHead: true })
})
