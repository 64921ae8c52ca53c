// Limits that a person sets: the share of the GPU, memory, when others are helped, and how a node stops helping.

import { describe, expect, test } from 'vitest'
import { errorCode, type CentramError } from '#core/errors.ts'
import { createStepScheduler } from '../../../worker/hyperlink/step-scheduler.ts'
import type { Shard } from '../../../worker/model/shard.ts'
import { createGpuShare } from '../../../worker/node/gpu-share.ts'
import { createLimits, HAND_OVER_MS, NO_LIMITS } from '../../../worker/node/limits.ts'
import { meterShards } from '../../../worker/node/shard-memory.ts'
import type { ShardLoader } from '../../../worker/node/shard-loader.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import { createFakeShard, FAKE_CONFIG } from '../hyperlink/fake-shard.ts'
import { createFakeClock, type FakeClock } from '../net/fake-clock.ts'

const WHOLE = { first: 0, last: FAKE_CONFIG.layers }
const STEP_MS = 20
const rejected = (work: Promise<unknown>) => work.then(() => null, errorCode)

/** A shard each of whose steps takes `STEP_MS`. */
function createSlowShard(clock: FakeClock): Shard {
  const inner = createFakeShard(WHOLE)
  return {
    ...inner,
    async openSession(contextLength) {
      const session = await inner.openSession(contextLength)
      return {
        contextLength,
        get length() {
          return session.length
        },
        async step(...step) {
          const output = session.step(...step)
          await new Promise<void>((resolve) => void clock.setTimeout(resolve, STEP_MS))
          return output
        },
        trim: (length) => session.trim(length),
        dispose: () => session.dispose(),
      }
    },
  }
}

/** Milliseconds from the first of `count` steps to the end of the last, and what they made. */
async function timeSteps(share: number, count: number, columns: number) {
  const clock = createFakeClock()
  let worked = 0
  const pace = createGpuShare({ clock, share: () => share, isResting: () => false, onWork: (ms) => (worked += ms) })
  const scheduler = createStepScheduler(clock, pace)
  const session = await scheduler.lend(createSlowShard(clock), 'asker').openSession(1024)
  const family = columns > 8 ? 'prefill' : 'decode'
  let made: unknown = null
  const steps = Array.from({ length: count }, (_, index) =>
    session.step({ tokens: Uint32Array.from({ length: columns }, (_, i) => (index + i) % 90) }, family, 'token'),
  )
  let end = 0
  void Promise.all(steps).then((outputs) => {
    made = outputs
    end = clock.now()
  })
  const began = clock.now()
  await clock.until(() => made !== null, 60_000, 'the steps')
  return { took: end - began, worked, made }
}

describe('a share of the GPU', () => {
  test.each([1, 8, 64])(
    'makes steps of %i columns take as much longer, and changes none of their bits',
    async (columns) => {
      const all = await timeSteps(1, 10, columns)
      const half = await timeSteps(0.5, 10, columns)
      const quarter = await timeSteps(0.25, 10, columns)
      // The last step is followed by no rest; where nothing is limited two steps of a prefill overlap.
      expect(half.took).toBe(STEP_MS * 19)
      expect(quarter.took).toBe(STEP_MS * 37)
      expect(half.worked).toBe(STEP_MS * 10)
      expect(half.took).toBeGreaterThan(all.took)
      expect(half.made).toEqual(all.made)
      expect(quarter.made).toEqual(all.made)
    },
  )

  test('is kept by work of any other kind as well', async () => {
    const clock = createFakeClock()
    const share = createGpuShare({ clock, share: () => 0.2, isResting: () => true })
    const began = clock.now()
    let over = 0
    const work = async () => {
      for (let piece = 0; piece < 3; piece++) {
        await share.run(() => new Promise<void>((resolve) => void clock.setTimeout(resolve, STEP_MS)))
      }
      over = clock.now()
    }
    void work()
    await clock.advance(60_000)
    expect(over - began).toBe(STEP_MS * (1 + 2 * 5))
  })

  test('holds runs back while the node rests, until they may go on or are stopped', async () => {
    const clock = createFakeClock()
    let rests = true
    const share = createGpuShare({ clock, share: () => 1, isResting: () => rests })
    let went = 0
    const stop = new AbortController()
    void share.turn(new AbortController().signal).then(() => went++)
    void share.turn(stop.signal).then(() => went++)
    await clock.advance(60_000)
    expect(went).toBe(0)
    stop.abort()
    await clock.advance(0)
    expect(went).toBe(1)
    rests = false
    share.changed()
    await clock.advance(0)
    expect(went).toBe(2)
  })
})

describe('memory', () => {
  const bytes = 600
  const model = {
    tensors: new Map([['t', { name: 'token_embd.weight', byteLength: bytes }]]),
    config: FAKE_CONFIG,
  } as never
  function createMetered(limit: number | null) {
    const inner = {
      load: async () => createFakeShard(WHOLE),
      offer: () => ({ id: 'a', budgetBytes: 5000, bytesPerSecond: 1 }),
    }
    let besides = 0
    const shards = meterShards(inner as unknown as ShardLoader, {
      limit: () => limit,
      besides: () => besides,
      onChange: () => undefined,
    })
    const load = () =>
      shards.load(model, WHOLE, { profile: '', signal: new AbortController().signal, onProgress: () => undefined })
    return { shards, load, train: (taken: number) => (besides = taken) }
  }

  test('is counted as it comes and goes', async () => {
    const { shards, load } = createMetered(null)
    const shard = await load()
    const session = await shard.openSession(64)
    expect(shards.memory()).toEqual({ weights: 600, caches: 64 })
    session.dispose()
    session.dispose()
    expect(shards.memory()).toEqual({ weights: 600, caches: 0 })
    await shard.openSession(32)
    shard.dispose()
    expect(shards.memory()).toEqual({ weights: 0, caches: 0 })
  })

  test('that a person did not allow is refused, for layers and for caches', async () => {
    const { shards, load, train } = createMetered(700)
    expect(shards.offer().budgetBytes).toBe(700)
    const shard = await load()
    await shard.openSession(64)
    expect(await rejected(shard.openSession(64))).toBe('NO_CAPACITY')
    expect(await rejected(load())).toBe('NO_CAPACITY')
    expect(shards.memory()).toEqual({ weights: 600, caches: 64 })
    shard.dispose()
    train(200)
    expect(await rejected(load())).toBe('NO_CAPACITY')
    train(0)
    expect(await rejected(load())).toBe(null)
  })

  test('steps of several sessions run together as before', async () => {
    const { load } = createMetered(null)
    const shard = await load()
    const sessions = [await shard.openSession(16), await shard.openSession(16)]
    const input = { tokens: Uint32Array.of(3) }
    const outputs = shard.stepTogether(sessions.map((session) => ({ session, input, output: 'token' as const })))
    expect((await Promise.all(outputs)).map((output) => output?.kind)).toEqual(['token', 'token'])
    expect(sessions.map(({ length }) => length)).toEqual([1, 1])
  })
})

describe('helping others', () => {
  function createKept(records = createMemoryRecords()) {
    const clock = createFakeClock()
    const told: string[] = []
    let holds = true
    const limits = createLimits({
      records,
      clock,
      owner: 'me',
      isHolding: () => holds,
      giveBack({ code }: CentramError) {
        told.push(`given back ${code}`)
        holds = false
      },
      leave: async () => void told.push('left'),
      onChange: () => told.push(limits.resting() ?? 'helps'),
    })
    return { clock, limits, told, records, release: () => (holds = false) }
  }

  test('stops for each reason, and goes on when it is over', async () => {
    const { limits } = createKept()
    const { setLimits, setConditions } = limits.api
    expect(limits.resting()).toBeNull()
    await setLimits({ ...NO_LIMITS, onlyWhenIdle: true, onlyOnMains: true })
    expect(limits.resting()).toBe('power-unknown')
    await setConditions({ idle: null, onMains: false })
    expect(limits.resting()).toBe('on-battery')
    await setConditions({ idle: null, onMains: true })
    expect(limits.resting()).toBe('idle-unknown')
    await setConditions({ idle: false, onMains: true })
    expect(limits.resting()).toBe('in-use')
    expect(limits.requireHelping).toThrow(/nobody uses the device/)
    await setConditions({ idle: true, onMains: true })
    expect(limits.resting()).toBeNull()
    expect(limits.requireHelping).not.toThrow()
    await setLimits({ ...NO_LIMITS, paused: true })
    expect(limits.resting()).toBe('paused')
  })

  test('ends with time to hand over, and then without it', async () => {
    const { clock, limits, told } = createKept()
    await limits.api.setLimits({ ...NO_LIMITS, paused: true })
    await clock.advance(HAND_OVER_MS - 1)
    expect(told).toEqual(['paused'])
    await clock.advance(1)
    expect(told).toEqual(['paused', 'given back PEER_REFUSED'])
  })

  test('goes on where the reason is over before that', async () => {
    const { clock, limits, told } = createKept()
    await limits.api.setLimits({ ...NO_LIMITS, paused: true })
    await clock.advance(HAND_OVER_MS / 2)
    await limits.api.setLimits(NO_LIMITS)
    await clock.advance(2 * HAND_OVER_MS)
    expect(told).toEqual(['paused', 'helps'])
  })

  test('leaves a room once others have what it held', async () => {
    const { clock, limits, told, release } = createKept()
    const leaving = limits.api.leaveCleanly()
    await clock.advance(2000)
    expect(told).toEqual(['leaving'])
    release()
    await clock.advance(200)
    await leaving
    expect(told).toEqual(['leaving', 'left', 'helps'])
  })

  test('leaves a room in the end though others do not take it back', async () => {
    const { clock, limits, told } = createKept()
    const leaving = limits.api.leaveCleanly()
    await clock.advance(HAND_OVER_MS + 500)
    await leaving
    expect(told.filter((said) => said !== 'given back PEER_REFUSED')).toEqual(['leaving', 'left', 'helps'])
    expect(told).toContain('given back PEER_REFUSED')
  })

  test('is as a person left it at the next start; what was damaged is no limit', async () => {
    const { limits, records } = createKept()
    const wanted = { memoryBytes: 2e9, gpuShare: 0.5, onlyWhenIdle: false, onlyOnMains: false, paused: true }
    await limits.api.setLimits(wanted)
    const again = createKept(records).limits
    await again.start()
    expect(again.limits()).toEqual(wanted)
    await records.put('settings', 'limits/me', { ...wanted, gpuShare: 7 })
    const damaged = createKept(records).limits
    await damaged.start()
    expect(damaged.limits()).toEqual(NO_LIMITS)
  })

  test.each([
    { gpuShare: 0 },
    { gpuShare: 1.5 },
    { gpuShare: Number.NaN },
    { memoryBytes: -1 },
    { memoryBytes: Number.POSITIVE_INFINITY },
  ])('takes no limits that are none: %o', async (wrong) => {
    const { limits } = createKept()
    expect(await rejected(limits.api.setLimits({ ...NO_LIMITS, ...wrong }))).toBe('BAD_ARGUMENT')
    expect(limits.limits()).toEqual(NO_LIMITS)
  })
})
