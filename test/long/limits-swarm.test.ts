// Limits in a swarm of whole nodes on virtual time: a node that stops helping hands over, and nobody's answer is hurt by it.

import { afterEach, describe, expect, test } from 'vitest'
import type { NodeApi, NodeState } from '../../worker/node/api.ts'
import { NO_LIMITS } from '../../worker/node/limits.ts'
import { createWorld, MODEL_ID, type Host, type World } from '../simulation/world.ts'

const worlds: World[] = []
afterEach(() => {
  for (const { hosts } of worlds.splice(0)) for (const { life } of hosts) life?.process.kill()
})

/** Three nodes in one room, with the model placed by the first over all of them. */
async function createPlaced(seed: string) {
  const world = await createWorld({ seed, nodes: 8, exact: true })
  worlds.push(world)
  const { schedule } = world
  const hosts = world.hosts.filter(({ isLight }) => !isLight).slice(0, 3)
  world.place.start()
  for (const host of hosts) world.start(host)
  const state = (host: Host) => host.life?.state as NodeState
  const api = (host: Host) => host.life?.node?.api as NodeApi
  const until = async (what: string, done: () => boolean, limit = 60_000) => {
    const isDone = await schedule.run(schedule.now() + limit, done)
    expect(isDone, what).toBe(true)
  }
  const isTogether = () =>
    hosts.every(
      (host) => state(host)?.peers.filter(({ link, budgetBytes }) => link === 'open' && budgetBytes > 0).length === 2,
    )
  await until('all are linked', isTogether)
  const [asker, helper, other] = hosts as [Host, Host, Host]
  let isLoaded = false
  void api(asker)
    .loadModel(MODEL_ID, { placement: 'swarm' })
    .then(() => (isLoaded = true))
  await until('the model is placed', () => isLoaded)
  const holds = (host: Host) => state(asker).placement?.stages.some(({ nodeId }) => nodeId === host.id) ?? false
  const ask = () => {
    const { process, node } = asker.life!
    return world.asking.ask({ process, api: node!.api, modelId: MODEL_ID }, { stops: false })
  }
  const helps = (host: Host) => state(host).held.some(({ ownerId }) => ownerId === asker.id)
  return { world, asker, helper, other, state, api, until, holds, helps, ask }
}

describe('a node that stops helping', () => {
  test('says so at once, keeps its room, and its layers are placed without it; then it helps again', async () => {
    const { asker, helper, state, api, until, holds, helps, ask } = await createPlaced('limits 1')
    expect(holds(helper)).toBe(true)
    void api(helper).setLimits({ ...NO_LIMITS, paused: true })
    await until('the layers are elsewhere', () => !holds(helper) && !helps(helper))
    expect(state(helper).limits.resting).toBe('paused')
    expect(state(asker).peers.find(({ id }) => id === helper.id)).toMatchObject({
      link: 'open',
      light: false,
      budgetBytes: 0,
    })
    const question = ask()
    await until('the answer', () => question.state !== 'open')
    expect(question.state).toBe('right')
    void api(helper).setLimits(NO_LIMITS)
    await until('it holds layers again', () => holds(helper) && helps(helper))
  })

  test('hands over in the middle of an answer, which goes on bit for bit', async () => {
    const { world, helper, api, until, holds, helps, ask } = await createPlaced('limits 2')
    expect(holds(helper)).toBe(true)
    // Questions follow one another, so that the asker is never idle.
    let isOver = false
    const questions: ReturnType<typeof ask>[] = []
    const more = () => {
      if (isOver) return
      while (questions.filter(({ state }) => state === 'open').length < 2) questions.push(ask())
      world.schedule.after(50, 'another question', more)
    }
    more()
    void api(helper).setLimits({ ...NO_LIMITS, paused: true })
    await until('it holds nothing', () => !helps(helper), 20_000)
    isOver = true
    await until('all answers', () => questions.every(({ state }) => state !== 'open'))
    expect(new Set(questions.map(({ state }) => state))).toEqual(new Set(['right']))
    expect(holds(helper)).toBe(false)
  })

  test('is never given layers while the device is used, and is once nobody uses it', async () => {
    const { helper, api, until, holds, helps } = await createPlaced('limits 3')
    void api(helper).setConditions({ idle: false, onMains: true })
    void api(helper).setLimits({ ...NO_LIMITS, onlyWhenIdle: true })
    await until('it holds nothing', () => !holds(helper) && !helps(helper))
    void api(helper).setConditions({ idle: true, onMains: true })
    await until('it helps', () => holds(helper) && helps(helper))
  })

  test('leaves when others have its layers, and none of them sees a stage lost', async () => {
    const { asker, helper, state, api, until, holds, ask } = await createPlaced('limits 4')
    let hasLeft = false
    let lost = 0
    void api(asker).watch(({ placement }) => {
      lost += placement?.stages.filter(({ status }) => status === 'lost').length ?? 0
    })
    void api(helper)
      .leaveCleanly()
      .then(() => (hasLeft = true))
    await until('it has left', () => hasLeft)
    await until('the others know', () => !state(asker).peers.some(({ id }) => id === helper.id))
    expect(state(helper).room).toBeNull()
    expect(holds(helper)).toBe(false)
    expect(lost).toBe(0)
    const question = ask()
    await until('the answer', () => question.state !== 'open')
    expect(question.state).toBe('right')
  })
})

describe('a lower limit of memory', () => {
  test('gives back what is held for others, and offers no more than it', async () => {
    const { asker, helper, state, api, until, ask } = await createPlaced('limits 5')
    const taken = () => state(helper).limits.memory.weights + state(helper).limits.memory.caches
    const before = taken()
    expect(before).toBeGreaterThan(0)
    const memoryBytes = Math.floor(before / 2)
    void api(helper).setLimits({ ...NO_LIMITS, memoryBytes })
    await until('others are told', () => {
      return state(asker).peers.find(({ id }) => id === helper.id)?.budgetBytes === memoryBytes
    })
    await until('it is below it', () => taken() <= memoryBytes, 5000)
    const questions = [ask(), ask()]
    await until('the answers', () => questions.every((question) => question.state !== 'open'))
    expect(questions.map((question) => question.state)).toEqual(['right', 'right'])
    expect(taken()).toBeLessThanOrEqual(memoryBytes)
    expect(before).toBeGreaterThan(memoryBytes)
  })

  test('of the asker itself moves its layers to others, or ends what does not fit', async () => {
    const { asker, state, api, until, ask } = await createPlaced('limits 7')
    const taken = () => state(asker).limits.memory.weights + state(asker).limits.memory.caches
    const memoryBytes = Math.floor(taken() * 0.7)
    void api(asker).setLimits({ ...NO_LIMITS, memoryBytes })
    await until('it is below it', () => taken() <= memoryBytes, 20_000)
    const status = () => state(asker).models.find(({ id }) => id === MODEL_ID)?.status
    await until('it is placed, or does not fit', () => status() === 'ready' || status() === 'failed')
    if (status() === 'ready') {
      const question = ask()
      await until('the answer', () => question.state !== 'open')
      expect(question.state).toBe('right')
    }
    expect(taken()).toBeLessThanOrEqual(memoryBytes)
  })

  test('is logged with all that happened', async () => {
    const { helper, api, until } = await createPlaced('limits 6')
    void api(helper).setLimits({ ...NO_LIMITS, paused: true })
    let kinds: string[] = []
    await until('the log', () => {
      void api(helper)
        .readLog(0)
        .then((lines) => (kinds = lines.map(({ event }) => event.kind)))
      return kinds.includes('lent-back')
    })
    for (const kind of ['started', 'gpu-ready', 'peer-joined', 'lending', 'limits', 'resting'])
      expect(kinds).toContain(kind)
  })
})
