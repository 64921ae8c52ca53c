// Nodes that are lost in the middle of answers: others take over their layers, everybody else keeps theirs and the caches
// with them, and the answer has the bits of one that nothing happened to.

import { describe, expect, test } from 'vitest'
import type { Answer } from '../../../worker/hyperlink/answer.ts'
import { askFake, createFakeSwarm, MODEL_ID, PROMPT, type FakeSwarm } from './fake-swarm.ts'

const TOKENS = 20
const bitsOf = ({ tokens, digests }: Answer) => `${tokens.join()} ${digests.join()}`

async function placed(...room: readonly number[]): Promise<FakeSwarm> {
  const swarm = createFakeSwarm({ room })
  await swarm.node(0).active.load(MODEL_ID)
  return swarm
}

let wholeBits: Promise<string> | null = null
/** Of an answer that one node gave alone. */
const unbroken = () => (wholeBits ??= placed(6).then(async (swarm) => bitsOf(await askFake(swarm))))

/** Columns that a node computed, in all that it ever loaded. */
const computedBy = (swarm: FakeSwarm, index: number) =>
  swarm.node(index).shards.reduce((sum, shard) => sum + shard.computed, 0)

test('a plan over several nodes gives the bits of one', async () => {
  expect(bitsOf(await askFake(await placed(6, 6, 6)))).toBe(await unbroken())
  expect(bitsOf(await askFake(await placed(6, 6, 6, 6)))).toBe(await unbroken())
})

describe('killed at any token, at any stage:', () => {
  for (const victim of [1, 2, 3]) {
    test(`node ${victim} of four`, async () => {
      for (let at = 1; at < TOKENS; at++) {
        const swarm = await placed(6, 6, 6, 6)
        const answered = await askFake(swarm, { onToken: (count) => count === at && swarm.kill(victim) })
        expect(bitsOf(answered), `killed at token ${at}`).toBe(await unbroken())
        expect(swarm.layers()).not.toContain(victim)
      }
    })
  }
  test('in the prompt, after any frame', async () => {
    for (let frame = 1; frame < 26; frame++) {
      let sent = -1e9
      const onFrame = () => {
        if (++sent === frame) swarm.kill(2)
      }
      const swarm: FakeSwarm = createFakeSwarm({ room: [6, 6, 6], onFrame })
      await swarm.node(0).active.load(MODEL_ID)
      sent = 0
      expect(bitsOf(await askFake(swarm)), `killed at frame ${frame}`).toBe(await unbroken())
    }
  })
})

test('those that are left load nothing again and compute nothing twice; the lost stage alone is computed again', async () => {
  const quiet = await placed(6, 6, 6, 6)
  await askFake(quiet)
  for (const victim of [1, 2, 3]) {
    const swarm = await placed(6, 6, 6, 6)
    const before = swarm.nodes.map(({ shards }) => shards.length)
    await askFake(swarm, { onToken: (count) => count === 9 && swarm.kill(victim) })
    const loads = swarm.nodes.map(({ shards }, index) => shards.length - (before[index] ?? 0))
    // One of them took the lost layers over.
    expect(loads.reduce((sum, count) => sum + count, 0)).toBe(1)
    const taker = loads.indexOf(1)
    for (const index of [0, 1, 2, 3].filter((other) => other !== victim)) {
      const extra = computedBy(swarm, index) - computedBy(quiet, index)
      // The one step under way may have passed a node when the answer to it was lost.
      const most = index === taker ? PROMPT.length + TOKENS : 1
      expect(extra, `node ${index} after ${victim} was killed`).toBeGreaterThanOrEqual(0)
      expect(extra, `node ${index} after ${victim} was killed`).toBeLessThanOrEqual(most)
    }
  }
})

describe('several at once', () => {
  test.each([
    [1, 2],
    [1, 3],
    [2, 3],
    [1, 2, 3],
  ])('%i and %i', async (...victims) => {
    const swarm = await placed(6, 6, 6, 6)
    const answered = await askFake(swarm, { onToken: (count) => count === 7 && swarm.kill(...victims) })
    expect(bitsOf(answered)).toBe(await unbroken())
    for (const victim of victims) expect(swarm.layers()).not.toContain(victim)
  })

  test('one after the other, until the asker is alone', async () => {
    const swarm = await placed(6, 6, 6, 6)
    const answered = await askFake(swarm, {
      onToken: (count) => {
        if (count === 4) swarm.kill(2)
        if (count === 9) swarm.kill(1)
        if (count === 14) swarm.kill(3)
      },
    })
    expect(bitsOf(answered)).toBe(await unbroken())
    expect(new Set(swarm.layers())).toEqual(new Set([0]))
  })

  test('the one that takes over, at any frame of the recovery', async () => {
    // Only nodes 0 and 3 have room beside their own; node 3 is nearer to fit.
    for (let frame = 1; frame < 24; frame++) {
      let frames = 0
      let recovering = false
      const swarm = createFakeSwarm({
        room: [6, 3, 3, 3],
        onFrame() {
          if (recovering && ++frames === frame) swarm.kill(3)
        },
      })
      await swarm.node(0).active.load(MODEL_ID)
      const answered = await askFake(swarm, {
        onToken(count) {
          if (count !== 6) return
          recovering = true
          swarm.kill(2)
        },
      })
      expect(bitsOf(answered), `killed at frame ${frame} of the recovery`).toBe(await unbroken())
    }
  })
})

test('a node that falls silent, or loses its GPU, is lost at once; coming back it holds nothing', async () => {
  const stalled = await placed(6, 6, 6)
  expect(bitsOf(await askFake(stalled, { onToken: (count) => count === 5 && stalled.stall(1) }))).toBe(await unbroken())
  const reset = await placed(6, 6, 6)
  const said: string[] = []
  const answered = await askFake(reset, {
    onToken: (count) => count === 5 && reset.loseGpu(2),
    onRecovery: (message) => said.push(message),
  })
  expect(bitsOf(answered)).toBe(await unbroken())
  expect(said).toEqual([expect.stringMatching(/^node 2 .*The GPU was reset/)])
  expect(reset.layers()).not.toContain(2)
  expect(reset.node(2).server.held()).toEqual([])
})

test('a node in the middle that cannot reach the next one is not the one to blame', async () => {
  const swarm = await placed(6, 6, 6)
  const said: string[] = []
  const answered = await askFake(swarm, {
    onToken(count) {
      if (count !== 5) return
      // The asker learns of it from node 1, which knows first.
      const { active } = swarm.node(0)
      const onPeerLost = active.onPeerLost
      active.onPeerLost = () => undefined
      swarm.kill(2)
      active.onPeerLost = onPeerLost
    },
    onRecovery: (message) => said.push(message),
  })
  expect(bitsOf(answered)).toBe(await unbroken())
  expect(said).toEqual([expect.stringMatching(/^node 1 cannot reach node 2/)])
  expect(swarm.layers()).toContain(1)
})

test('what was handed on is no longer kept: everything is computed again, with the same bits', async () => {
  for (const victim of [1, 2]) {
    const swarm = createFakeSwarm({ room: [6, 6, 6], keptBytes: 2000 })
    await swarm.node(0).active.load(MODEL_ID)
    const answered = await askFake(swarm, { onToken: (count) => count === 8 && swarm.kill(victim) })
    expect(bitsOf(answered)).toBe(await unbroken())
  }
})

describe('a spare', () => {
  test('takes over without loading anything', async () => {
    const swarm = createFakeSwarm({ room: [2, 4, 4, 4] })
    await swarm.node(0).active.load(MODEL_ID, { spread: 'fewest' })
    expect(new Set(swarm.layers()).size).toBe(2)
    await settled()
    const before = swarm.nodes.map(({ shards }) => shards.length)
    expect(before).toEqual([1, 1, 1, 1])
    const answered = await askFake(swarm, { onToken: (count) => count === 5 && swarm.kill(1) })
    expect(bitsOf(answered)).toBe(await unbroken())
    expect(swarm.nodes.map(({ shards }) => shards.length)).toEqual(before)
    expect(new Set(swarm.layers())).toEqual(new Set([0, 2]))
  })

  test('that is lost is missed by nobody, and one that comes later is told', async () => {
    const swarm = createFakeSwarm({ room: [2, 4, 4, 4] })
    await swarm.node(0).active.load(MODEL_ID, { spread: 'fewest' })
    await settled()
    const answered = await askFake(swarm, {
      onToken(count) {
        if (count === 3) swarm.kill(3)
        if (count === 6) swarm.kill(1)
      },
    })
    expect(bitsOf(answered)).toBe(await unbroken())
    expect(new Set(swarm.layers())).toEqual(new Set([0, 2]))
  })
})

test('without room for the lost layers the answer ends, with the reason', async () => {
  const swarm = await placed(3, 3, 1)
  await expect(askFake(swarm, { onToken: (count) => count === 5 && swarm.kill(1) })).rejects.toMatchObject({
    code: 'NO_CAPACITY',
  })
})

test('the turn after a recovery begins with what the caches hold', async () => {
  const quiet = await placed(6, 6, 6)
  const first = await askFake(quiet)
  const next = { prompt: [...PROMPT, ...first.tokens, 4, 5], maxTokens: TOKENS }
  const wanted = bitsOf(await askFake(quiet, {}, next))
  const swarm = await placed(6, 6, 6)
  await askFake(swarm, { onToken: (count) => count === 9 && swarm.kill(1) })
  const before = swarm.nodes.map((_, index) => computedBy(swarm, index))
  expect(bitsOf(await askFake(swarm, {}, next))).toBe(wanted)
  const stages = swarm.node(0).active.pipeline()?.plan.stages.length ?? 0
  const extra = swarm.nodes.reduce((sum, _, index) => sum + computedBy(swarm, index) - (before[index] ?? 0), 0)
  expect(extra).toBeLessThan(stages * (TOKENS + 4))
})

/** Until what was sent has been worked off. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 40))
