// A spare computes again what a stage computed: the same from an honest one, something else from one that does not compute what
// it should, which then loses its place.

import { expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { askFake, createFakeSwarm, MODEL_ID, type FakeSwarm } from './fake-swarm.ts'

/** Node 0 asks, node 1 (and 2) hold layers, the last one keeps them ready. */
async function placed(...room: readonly number[]): Promise<FakeSwarm> {
  const swarm = createFakeSwarm({ room })
  await swarm.node(0).active.load(MODEL_ID, { spread: 'fewest' })
  await new Promise((resolve) => setTimeout(resolve, 40))
  return swarm
}

const pipelineOf = (swarm: FakeSwarm) => {
  const pipeline = swarm.node(0).active.pipeline()
  if (!pipeline) throw new Error('nothing is placed')
  return pipeline
}

test.each([
  [2, 4, 4],
  [2, 2, 2, 2],
])('stages of %i, %i, … layers computed what they should', async (...room) => {
  const swarm = await placed(...room)
  const pipeline = pipelineOf(swarm)
  expect(pipeline.spares().length).toBeGreaterThan(0)
  // Before the first answer there is nothing to audit.
  expect(await pipeline.audit(pipeline.spares()[0] ?? { nodeId: '', stage: 1 })).toBeNull()
  const first = await askFake(swarm)
  for (const spare of pipeline.spares()) expect(await pipeline.audit(spare)).toBe('same')
  expect(pipeline.broken()).toBeNull()
  // The audited sessions are closed again, and the answers go on as they would have.
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (const { id, shards } of swarm.nodes) {
    const isSpare = pipeline.spares().some(({ nodeId }) => nodeId === id)
    if (isSpare) expect(shards.reduce((sum, { openSessions }) => sum + openSessions.size, 0)).toBe(0)
  }
  const quiet = await placed(...room)
  await askFake(quiet)
  expect((await askFake(swarm, {}, { maxTokens: 5 })).digests).toEqual(
    (await askFake(quiet, {}, { maxTokens: 5 })).digests,
  )
  expect(first.tokens).toHaveLength(20)
})

test('one that computes something else is found out and replaced by the spare', async () => {
  const honest = await askFake(await placed(2, 4, 4))
  const swarm = await placed(2, 4, 4)
  const liar = swarm.node(1).shards[0]
  if (!liar) throw new Error('node 1 holds nothing')
  const { openSession } = liar
  liar.openSession = async (contextLength) => {
    const session = await openSession(contextLength)
    const { step } = session
    session.step = async (...given) => {
      const made = await step(...given)
      return made?.kind === 'logits' ? { ...made, logits: made.logits.map((value) => value + 1) } : made
    }
    return session
  }
  await askFake(swarm)
  const pipeline = pipelineOf(swarm)
  const [spare = { nodeId: '', stage: 1 }] = pipeline.spares()
  expect(await pipeline.audit(spare)).toBe('different')
  expect(pipeline.broken()).toMatchObject({
    code: 'PEER_REFUSED',
    message: expect.stringMatching(/node 1 and node 2 computed different things/),
  })
  // What it computed lies in caches only; nothing of this model's next answer comes from it.
  const next = await askFake(swarm)
  expect(swarm.layers()).not.toContain(1)
  expect(next.digests).toEqual(honest.digests)
})

test('an audit in whose middle a node goes or an answer begins says nothing and blames nobody', async () => {
  const swarm = await placed(2, 2, 2, 2)
  await askFake(swarm)
  const pipeline = pipelineOf(swarm)
  const [spare = { nodeId: '', stage: 1 }] = pipeline.spares()
  const audit = pipeline.audit(spare)
  swarm.kill(3)
  expect(await audit).toBeNull()
  expect(pipeline.broken()).toBeNull()

  const other = await placed(2, 4, 4)
  await askFake(other)
  const busy = pipelineOf(other)
  const [auditor = { nodeId: '', stage: 1 }] = busy.spares()
  const auditing = busy.audit(auditor)
  const answering = askFake(other, {}, { prompt: [1, 2, 3], maxTokens: 6 })
  const answered = await answering
  const solo = await askFake(await placed(6), {}, { prompt: [1, 2, 3], maxTokens: 6 })
  expect(answered.digests).toEqual(solo.digests)
  const outcome = await Promise.race([auditing, new Promise((resolve) => setTimeout(() => resolve('open'), 100))])
  expect(outcome).not.toBe('different')
  expect(busy.broken()).toBeNull()
})

test('what an auditor refuses is no verdict', async () => {
  const swarm = await placed(2, 4, 4)
  await askFake(swarm)
  const spareShard = swarm.node(2).shards[0]
  if (spareShard) spareShard.failNext = new CentramError('GPU_FAILED', 'out of order')
  const pipeline = pipelineOf(swarm)
  const [spare = { nodeId: '', stage: 1 }] = pipeline.spares()
  expect(await pipeline.audit(spare)).toBeNull()
  expect(pipeline.broken()).toBeNull()
})
