import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import { runAnswer, type AnswerRequest } from '../../../worker/hyperlink/answer.ts'
import type { PipePort } from '../../../worker/hyperlink/pipe-port.ts'
import { createPipeline, type Pipeline } from '../../../worker/hyperlink/pipeline-client.ts'
import type { PipelineSession } from '../../../worker/hyperlink/pipeline-session.ts'
import { createShardServer, type ShardServer } from '../../../worker/hyperlink/shard-server.ts'
import { createFakeShard, FAKE_CONFIG, type FakeShard } from './fake-shard.ts'

const MAX_SESSIONS = 2

interface SimulatedNode {
  readonly id: string
  readonly server: ShardServer
  readonly shards: FakeShard[]
  pipeline: Pipeline | null
}

/** Nodes whose frames are delivered in order, each in a task of its own, to whoever handles their kind. */
function createSwarm(count: number) {
  const nodes: SimulatedNode[] = []
  const gone = new Set<string>()
  const frames: string[] = []
  let refuseLoad: string | null = null

  function portOf(self: string): PipePort {
    return {
      self,
      nameOf: (peer) => `node ${nodes.findIndex((node) => node.id === peer)}`,
      now: () => performance.now(),
      send(peer, name, body, tail) {
        if (gone.has(peer)) throw new CentramError('PEER_LEFT', 'gone')
        frames.push(name)
        const copy = structuredClone(body) as never
        const bytes = tail?.slice()
        setTimeout(() => {
          const node = nodes.find((other) => other.id === peer)
          if (!node || gone.has(peer) || gone.has(self)) return
          if (name === 'PIPE_PLAN') node.server.onPlan(self, copy)
          if (name === 'PIPE_COMMIT') void node.server.onCommit(self, copy)
          if (name === 'PIPE_ACTIVATION') void node.server.onActivation(self, copy, bytes)
          if (name === 'PIPE_KV_TRIM') node.server.onTrim(self, copy)
          if (name === 'PIPE_LOAD_STATUS') node.pipeline?.onLoadStatus(self, copy)
          if (name === 'PIPE_LOGITS') node.pipeline?.onLogits(self, copy, bytes)
        }, 0)
      },
    }
  }

  for (let index = 0; index < count; index++) {
    const id = toHex(new Uint8Array(32).fill(index + 1))
    const shards: FakeShard[] = []
    const server = createShardServer({
      port: portOf(id),
      maxSessions: MAX_SESSIONS,
      onChange: () => undefined,
      async loadShard({ range, onProgress }) {
        onProgress(0.5, 10)
        if (refuseLoad === id) throw new CentramError('GPU_OUT_OF_MEMORY', 'its GPU is full')
        const shard = createFakeShard(range)
        shards.push(shard)
        return shard
      },
    })
    nodes.push({ id, server, shards, pipeline: null })
  }

  /** A pipeline owned by node 0 over the first `stages` nodes, layers shared as evenly as they go. */
  function build(stages: number): Pipeline {
    const asker = nodes[0]
    if (!asker) throw new Error('no nodes')
    const cut = (index: number) => Math.round((index * FAKE_CONFIG.layers) / stages)
    const plan = {
      id: new Uint8Array(16).fill(7),
      model: { title: 'fake', url: null, fingerprint: 'f'.repeat(64), sizeBytes: 1000, content: null },
      layers: FAKE_CONFIG.layers,
      contextLength: 600,
      profile: 'p',
      stages: nodes.slice(0, stages).map((node, index) => ({
        nodeId: node.id,
        range: { first: cut(index), last: cut(index + 1) },
        bytes: 0,
      })),
    }
    asker.pipeline = createPipeline(portOf(asker.id), plan, () => undefined)
    return asker.pipeline
  }

  return {
    nodes,
    frames,
    build,
    refuseLoading: (index: number) => (refuseLoad = nodes[index]?.id ?? null),
    leave(index: number) {
      const id = nodes[index]?.id ?? ''
      gone.add(id)
      for (const node of nodes) {
        node.server.onPeerLost(id)
        node.pipeline?.fail(id, new CentramError('PEER_LEFT', `node ${index} left`))
      }
    },
  }
}

const loadLocal = async (range: { first: number; last: number }) => createFakeShard(range)

function request(over: Partial<AnswerRequest> = {}): AnswerRequest {
  const prompt = Array.from({ length: 300 }, (_, index) => (index * 7) % 97)
  return { prompt, maxTokens: 12, sampling: {}, endTokens: new Set(), digest: true, ...over }
}

const hooks = (over: Partial<Parameters<typeof runAnswer>[2]> = {}) => ({
  onPrefill: () => undefined,
  onToken: () => undefined,
  isCancelled: () => false,
  sha256: async (bytes: Uint8Array) => sha256(bytes),
  ...over,
})

/** The session with nothing of the prompt in its cache. */
const whole = (session: PipelineSession) =>
  Object.create(session, { kept: { value: 0 } }) as PipelineSession & { kept: 0 }

async function answerWith(stages: number, over: Partial<AnswerRequest> = {}) {
  const swarm = createSwarm(stages)
  const pipeline = swarm.build(stages)
  await pipeline.load(loadLocal)
  const session = await pipeline.openSession()
  const answer = await runAnswer(whole(session), request(over), hooks())
  return { answer, swarm, pipeline, session }
}

describe('a pipeline', () => {
  test.each([2, 3, 4, 6])('over %i nodes gives the bits of one node', async (stages) => {
    const solo = await answerWith(1)
    const split = await answerWith(stages)
    expect(split.answer.tokens).toEqual(solo.answer.tokens)
    expect(split.answer.digests).toEqual(solo.answer.digests)
    expect(new Set(solo.answer.tokens).size).toBeGreaterThan(3)
  })

  test('answers again on the same session as on a fresh one', async () => {
    const fresh = await answerWith(3, { maxTokens: 5 })
    const { session } = await answerWith(3, { maxTokens: 9, prompt: [1, 2, 3] })
    session.trim(0)
    const again = await runAnswer(whole(session), request({ maxTokens: 5 }), hooks())
    expect(again.digests).toEqual(fresh.answer.digests)
  })

  test('reads only what sampling needs', async () => {
    const greedy = await answerWith(2, { digest: false })
    const all = await answerWith(2, { digest: true })
    expect(greedy.answer.tokens).toEqual(all.answer.tokens)
    expect(greedy.answer.digests).toEqual([])
    const drawn = await answerWith(2, { digest: false, sampling: { temperature: 1, topK: 8, seed: 5 } })
    const solo = await answerWith(1, { digest: false, sampling: { temperature: 1, topK: 8, seed: 5 } })
    expect(drawn.answer.tokens).toEqual(solo.answer.tokens)
  })

  test('stops at an end token, at the length, and at the end of the context', async () => {
    const free = await answerWith(1)
    const end = free.answer.tokens[3] ?? -1
    const ended = await answerWith(2, { endTokens: new Set([end]) })
    expect(ended.answer).toMatchObject({
      finish: 'end',
      tokens: free.answer.tokens.slice(0, free.answer.tokens.indexOf(end) + 1),
    })
    expect(free.answer.finish).toBe('length')
    const full = await answerWith(2, { prompt: new Array<number>(598).fill(3), maxTokens: 50 })
    expect(full.answer.finish).toBe('context')
    expect(full.answer.tokens).toHaveLength(3)
    await expect(answerWith(2, { prompt: new Array<number>(601).fill(3) })).rejects.toMatchObject({
      code: 'CONTEXT_FULL',
    })
  })

  test('ends an answer with who left when a node goes in the middle of it', async () => {
    const swarm = createSwarm(3)
    const pipeline = swarm.build(3)
    await pipeline.load(loadLocal)
    const session = await pipeline.openSession()
    let seen = 0
    const onToken = () => {
      if (++seen === 4) swarm.leave(1)
    }
    await expect(runAnswer(whole(session), request({ maxTokens: 100 }), hooks({ onToken }))).rejects.toMatchObject({
      code: 'PEER_LEFT',
      message: 'node 1 left',
    })
    expect(seen).toBe(4)
    expect(pipeline.stages()[1]?.status).toBe('lost')
    await expect(pipeline.openSession()).rejects.toMatchObject({ code: 'PEER_LEFT' })
  })

  test('frees what it held for an asker that left', async () => {
    const { swarm } = await answerWith(3)
    const held = swarm.nodes[1]?.shards[0]
    expect(held?.openSessions.size).toBe(1)
    swarm.leave(0)
    expect(held?.openSessions.size).toBe(0)
    expect(held?.disposed).toBe(true)
    expect(swarm.nodes[1]?.server.held()).toEqual([])
  })

  test('names the node that cannot load, and one that fails in a step', async () => {
    const swarm = createSwarm(3)
    swarm.refuseLoading(2)
    await expect(swarm.build(3).load(loadLocal)).rejects.toMatchObject({
      code: 'PEER_REFUSED',
      message: expect.stringMatching(/^node 2 .*its GPU is full/),
    })
    const { swarm: other, session } = await answerWith(3)
    const shard = other.nodes[1]?.shards[0]
    if (shard) shard.failNext = new CentramError('GPU_LOST', 'its GPU went away')
    await expect(session.decode(Uint32Array.of(1), 'token')).rejects.toMatchObject({
      message: expect.stringMatching(/^node 1 .*its GPU went away/),
    })
  })

  test('that has no room for one more session keeps those it has', async () => {
    const { answer } = await answerWith(1)
    const swarm = createSwarm(3)
    const pipeline = swarm.build(3)
    await pipeline.load(loadLocal)
    const sessions = []
    for (let count = 0; count < MAX_SESSIONS; count++) sessions.push(await pipeline.openSession())
    const held = swarm.nodes.slice(1).map(({ shards }) => shards[0]?.openSessions.size)
    expect(held).toEqual([MAX_SESSIONS, MAX_SESSIONS])
    await expect(pipeline.openSession()).rejects.toMatchObject({ code: 'NO_CAPACITY' })
    expect(pipeline.broken()).toBeNull()
    for (const session of sessions) {
      const { digests } = await runAnswer(whole(session), request(), hooks())
      expect(digests).toEqual(answer.digests)
    }
    sessions[0]?.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const again = await pipeline.openSession()
    expect((await runAnswer(whole(again), request(), hooks())).digests).toEqual(answer.digests)
  })

  test('withdraws its plan when it is closed', async () => {
    const { swarm, pipeline } = await answerWith(2)
    pipeline.close()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(swarm.nodes[1]?.server.held()).toEqual([])
  })
})

describe('a shard server', () => {
  test('refuses what does not fit its session and lets no stranger in', async () => {
    const { swarm, pipeline } = await answerWith(2, { maxTokens: 2 })
    const server = swarm.nodes[1]?.server
    const asker = swarm.nodes[0]?.id ?? ''
    const stranger = toHex(new Uint8Array(32).fill(99))
    const step = {
      plan: fromHex(toHex(new Uint8Array(16).fill(7))),
      stage: 1,
      session: 1,
      step: 50,
      position: 301,
      columns: 1,
      family: 'decode',
      output: 'token',
      computeMs: [],
    } as never
    const before = swarm.frames.length
    await server?.onActivation(stranger, step, new Uint8Array(32))
    server?.onPlan(stranger, { plan: new Uint8Array(16).fill(7), stages: [] } as never)
    expect(swarm.frames).toHaveLength(before)
    expect(server?.held()).toHaveLength(1)
    // A tail of the wrong size ends the session with a reason, not the node.
    await server?.onActivation(asker, step, new Uint8Array(31))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(pipeline.broken()?.message).toMatch(/does not fit the session/)
  })
})
