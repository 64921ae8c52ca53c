// Turns on the GPU: who is served when, who is served together, and that nobody's result is changed by it.

import { describe, expect, test } from 'vitest'
import { createStepScheduler } from '../../../worker/hyperlink/step-scheduler.ts'
import type { Shard, ShardSession, StepFamily, StepOutput } from '../../../worker/model/shard.ts'
import { createFakeClock, type FakeClock } from '../net/fake-clock.ts'
import { createFakeShard, FAKE_CONFIG } from './fake-shard.ts'

const STEP_MS = 20
const WHOLE = { first: 0, last: FAKE_CONFIG.layers }

/** A shard whose steps take their time, one after another, and which tells who ran in each. */
function createPacedShard(clock: FakeClock, log: string[]) {
  const inner = createFakeShard(WHOLE)
  const names = new Map<ShardSession, string>()
  let free: Promise<unknown> = Promise.resolve()
  const wait = () => (free = free.then(() => new Promise<void>((resolve) => void clock.setTimeout(resolve, STEP_MS))))
  const paced: Shard = {
    ...inner,
    async openSession(contextLength) {
      const session = await inner.openSession(contextLength)
      const held: ShardSession = {
        contextLength,
        get length() {
          return session.length
        },
        async step(input, family, output, results) {
          const columns = 'tokens' in input ? input.tokens.length : 0
          log.push(`${names.get(held)}${family === 'prefill' ? columns : ''}`)
          const result = session.step(input, family, output, results)
          await wait()
          return result
        },
        trim: (length) => session.trim(length),
        dispose: () => session.dispose(),
      }
      inners.set(held, session)
      return held
    },
    stepTogether(steps) {
      log.push(steps.map(({ session }) => names.get(session)).join(''))
      const waited = wait()
      const results = inner.stepTogether(
        steps.map((step) => ({ ...step, session: inners.get(step.session) ?? step.session })),
      )
      return results.map((result) => waited.then(() => result))
    },
  }
  const inners = new Map<ShardSession, ShardSession>()
  return {
    shard: paced,
    /** Names the sessions opened since in the log. */
    async open(lent: Shard, name: string): Promise<ShardSession> {
      const before = new Set(inners.keys())
      const session = await lent.openSession(600)
      for (const held of inners.keys()) if (!before.has(held)) names.set(held, name)
      return session
    },
  }
}

const tokens = (...values: number[]) => ({ tokens: Uint32Array.from(values) })
const decode = (session: ShardSession, token: number) => session.step(tokens(token), 'decode', 'token')

async function swarmOf(askers: string) {
  const clock = createFakeClock()
  const log: string[] = []
  const scheduler = createStepScheduler(clock)
  const paced = createPacedShard(clock, log)
  const sessions: ShardSession[] = []
  for (const name of askers) sessions.push(await paced.open(scheduler.lend(paced.shard, name), name))
  return { clock, log, scheduler, paced, sessions }
}

/** Steps a session `count` times, each with the token before; a step's result comes before the next is asked for. */
async function write(session: ShardSession, first: number, count: number): Promise<number[]> {
  const written = [first]
  for (let step = 0; step < count; step++) {
    const output = await decode(session, written.at(-1) ?? 0)
    if (output?.kind !== 'token') throw new Error('no token')
    written.push(output.token)
  }
  return written
}

async function finish<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let done = false
  const ended = work.finally(() => (done = true))
  ended.catch(() => undefined)
  await clock.until(() => done, 60_000, 'the work')
  return ended
}

describe('decode steps', () => {
  test('that wait together run together, with the results of each alone', async () => {
    const alone = []
    for (let first = 1; first <= 4; first++) {
      const { clock, sessions } = await swarmOf('A')
      alone.push(await finish(clock, write(sessions[0] as ShardSession, first, 12)))
    }
    const { clock, log, scheduler, sessions } = await swarmOf('ABCD')
    const work = sessions.map((session, index) => write(session, index + 1, 12))
    expect(await finish(clock, Promise.all(work))).toEqual(alone)
    // A was there first; from then on they meet.
    expect(log[0]).toBe('A')
    expect(log.filter((batch) => batch.length === 4).length).toBeGreaterThan(8)
    expect(scheduler.counts).toMatchObject({ sessions: 48, columns: 48 })
    expect(scheduler.counts.steps).toBeLessThan(18)
  })

  test('fill eight columns at most, and those left out are the first next time', async () => {
    const { clock, log, sessions } = await swarmOf('ABCD')
    const blocked = decode(sessions[0] as ShardSession, 1)
    const wide = sessions.slice(1).map((session) => session.step(tokens(1, 2, 3), 'decode', 'token', 'each'))
    await finish(clock, Promise.all([blocked, ...wide]))
    expect(log).toEqual(['A', 'BC', 'D'])
  })

  test('of other weights are not mixed', async () => {
    const clock = createFakeClock()
    const log: string[] = []
    const scheduler = createStepScheduler(clock)
    const [one, two] = [createPacedShard(clock, log), createPacedShard(clock, log)]
    const a = await one.open(scheduler.lend(one.shard, 'A'), 'A')
    const b = await two.open(scheduler.lend(two.shard, 'B'), 'B')
    const c = await one.open(scheduler.lend(one.shard, 'C'), 'C')
    const d = await two.open(scheduler.lend(two.shard, 'D'), 'D')
    await finish(clock, Promise.all([a, b, c, d].map((session) => decode(session, 1))))
    expect(log).toEqual(['A', 'BD', 'C'])
  })

  test('wait for nobody who is long away', async () => {
    const { clock, log, sessions } = await swarmOf('AB')
    const [a, b] = sessions as [ShardSession, ShardSession]
    const slow = (async () => {
      for (let step = 0; step < 4; step++) {
        await decode(a, 1)
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 200))
      }
    })()
    const began = clock.now()
    await finish(clock, write(b, 1, 12))
    // Twelve of its own steps and the few of A that were before it.
    expect(clock.now() - began).toBeLessThanOrEqual(14 * STEP_MS + 50)
    await finish(clock, slow)
    expect(log.join('').replaceAll('B', '')).toBe('AAAA')
  })
})

describe('turns', () => {
  test('a long prompt yields after each chunk', async () => {
    const { clock, log, sessions } = await swarmOf('AB')
    const [a, b] = sessions as [ShardSession, ShardSession]
    const chunk = tokens(...new Array<number>(128).fill(3))
    const prompt = Promise.all([1, 2, 3, 4].map(() => a.step(chunk, 'prefill', 'none')))
    await finish(clock, Promise.all([prompt, write(b, 1, 3)]))
    expect(log.join(' ')).toBe('A128 A128 B A128 B A128 B')
  })

  test('an asker with many sessions gets no more of them than one with a single one', async () => {
    const clock = createFakeClock()
    const log: string[] = []
    const scheduler = createStepScheduler(clock)
    const paced = createPacedShard(clock, log)
    const greedy = scheduler.lend(paced.shard, 'greedy')
    const many = []
    for (const name of 'ABC') many.push(await paced.open(greedy, name))
    const modest = await paced.open(scheduler.lend(paced.shard, 'modest'), 'M')
    const chunk = tokens(...new Array<number>(16).fill(3))
    const run = (session: ShardSession, family: StepFamily, count: number) =>
      Promise.all(Array.from({ length: count }, () => session.step(chunk, family, 'none')))
    await finish(clock, Promise.all([...many.map((session) => run(session, 'prefill', 3)), run(modest, 'prefill', 3)]))
    expect(log.map((entry) => entry[0]).join('')).toBe('AAMBMCMABCBC')
  })
})

describe('a session', () => {
  test('keeps its steps in order, and goes back to where a later one begins', async () => {
    const { clock, sessions } = await swarmOf('A')
    const [session] = sessions as [ShardSession]
    const wanted = await finish(clock, session.step(tokens(1, 2, 3), 'decode', 'logits'))
    session.trim(0)
    const first = session.step(tokens(1, 2), 'decode', 'none')
    const wrong = session.step(tokens(9, 9), 'decode', 'none')
    expect(session.length).toBe(4)
    // The step that went astray has not run yet.
    session.trim(2)
    const again: Promise<StepOutput | undefined> = session.step(tokens(3), 'decode', 'logits')
    await finish(clock, Promise.all([first, wrong, again]))
    expect(await again).toEqual(wanted)
    expect(session.length).toBe(3)
    expect(() => session.trim(4)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
  })

  test('that is closed while it waits frees its turn', async () => {
    const { clock, log, sessions } = await swarmOf('ABC')
    const [a, b, c] = sessions as [ShardSession, ShardSession, ShardSession]
    const running = decode(a, 1)
    const dropped = b.step(tokens(...new Array<number>(128).fill(3)), 'prefill', 'none')
    const waiting = decode(c, 1)
    b.dispose()
    await expect(dropped).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await finish(clock, Promise.all([running, waiting]))
    expect(log).toEqual(['A', 'C'])
    await expect(decode(b, 1)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  test('whose step fails leaves those beside it alone', async () => {
    const clock = createFakeClock()
    const scheduler = createStepScheduler(clock)
    const shard = createFakeShard(WHOLE)
    const a = await scheduler.lend(shard, 'A').openSession(600)
    const b = await scheduler.lend(shard, 'B').openSession(600)
    const c = await scheduler.lend(shard, 'C').openSession(600)
    const before = decode(a, 1)
    const odd = b.step({ hidden: new Float32Array(FAKE_CONFIG.width) }, 'decode', 'token')
    b.dispose()
    await expect(odd).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await expect(before).resolves.toMatchObject({ kind: 'token' })
    await expect(decode(c, 1)).resolves.toMatchObject({ kind: 'token' })
    expect(shard.openSessions.size).toBe(2)
    scheduler.lend(shard, 'D').dispose()
    expect(shard.openSessions.size).toBe(2)
  })
})
