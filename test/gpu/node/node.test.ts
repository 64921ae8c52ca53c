// Whole nodes with the built-in model: alone, split over a room, through another node, and when something goes away.

import { afterEach, describe, expect, test } from 'vitest'
import { errorMessage } from '#core/errors.ts'
import type { GenerateEvent, GenerateRequest } from '../../../worker/node/api.ts'
import { createRoom, type TestNode, type TestRoom } from './room.ts'

let room: TestRoom | null = null
afterEach(() => {
  room?.close()
  room = null
})

async function openRoom(): Promise<TestRoom> {
  room = await createRoom()
  return room
}

let requests = 0
const request = (over: Partial<GenerateRequest> = {}): GenerateRequest => ({
  requestId: `r${++requests}`,
  modelId: 'toy',
  prompt: { text: 'The whale ' },
  maxTokens: 10,
  stopAtEnd: false,
  logits: 'digest',
  ...over,
})

const gpuReady = (node: TestNode) => node.until((state) => state.gpu.kind === 'ready', 'the GPU')
const linked = (node: TestNode, others: TestNode[]) =>
  node.until(
    (state) => others.every(({ id }) => state.peers.some((peer) => peer.id === id && peer.link === 'open')),
    'its links',
  )

async function joinAll(first: TestNode, others: TestNode[]): Promise<void> {
  const invite = await first.api.share()
  for (const node of others) await node.api.join(invite)
  for (const node of [first, ...others]) {
    await linked(
      node,
      [first, ...others].filter((other) => other !== node),
    )
  }
  const helpers = others.filter((other) => other.state().gpu.kind === 'ready')
  await first.until(
    (state) => helpers.every(({ id }) => state.peers.some((peer) => peer.id === id && !peer.light)),
    'what the others offer',
  )
}

describe('a node', () => {
  test('split over three gives the tokens and the bits it gives alone', async () => {
    const { createNode } = await openRoom()
    const nodes = [await createNode(1), await createNode(2), await createNode(3)] as const
    for (const node of nodes) await gpuReady(node)
    const [first, second, third] = nodes
    const solo = await first.api.generate(request(), () => undefined)
    expect(solo.tokens).toHaveLength(10)
    expect(new Set(solo.logitsDigests).size).toBe(10)
    expect(solo.stages.map((stage) => stage.range)).toEqual([{ first: 0, last: 4 }])

    await joinAll(first, [second, third])
    await first.api.loadModel('toy', { placement: 'swarm' })
    const split = await first.api.generate(request(), () => undefined)
    expect(split.stages).toHaveLength(3)
    expect(split.stages.at(-1)?.range.last).toBe(4)
    expect(split.tokens).toEqual(solo.tokens)
    expect(split.logitsDigests).toEqual(solo.logitsDigests)
    expect(split.bytesSent).toBe((10 + 9) * 128 * 4)
    // Each gets the bytes of its own layers, from the first node or from the address, and a shard is less than the file, also with
    // what a first placement over two of them wanted.
    const size = first.fetched.get('model.safetensors') ?? 0
    for (const node of [second, third]) {
      const { fromPeers, fromOrigin } = node.state().sharing
      expect(fromPeers + fromOrigin).toBeGreaterThan(size * 0.1)
      expect(fromPeers + fromOrigin).toBeLessThan(size)
    }
  })

  test('spreads its model over a node that joins, and goes on alone when it leaves', async () => {
    const { createNode } = await openRoom()
    const first = await createNode(4)
    const second = await createNode(5)
    await Promise.all([gpuReady(first), gpuReady(second)])
    const before = await first.api.generate(request(), () => undefined)
    await joinAll(first, [second])
    const ready = (stages: number) => (state: ReturnType<TestNode['state']>) =>
      state.placement?.stages.length === stages && state.placement.stages.every((stage) => stage.status === 'ready')
    await first.until(ready(2), 'two stages')
    const during = await first.api.generate(request(), () => undefined)
    await second.api.leave()
    await first.until(ready(1), 'one stage')
    const after = await first.api.generate(request(), () => undefined)
    expect(during.logitsDigests).toEqual(before.logitsDigests)
    expect(after.logitsDigests).toEqual(before.logitsDigests)
  })

  test('goes on with an answer whose node fell silent, bit for bit, and says who it was', async () => {
    const { createNode } = await openRoom()
    const first = await createNode(6)
    const second = await createNode(7)
    await Promise.all([gpuReady(first), gpuReady(second)])
    const alone = await first.api.generate(request({ maxTokens: 30 }), () => undefined)
    await second.api.rename('Anna’s laptop')
    await joinAll(first, [second])
    await first.until((state) => state.peers[0]?.name === 'Anna’s laptop', 'the name')
    await first.api.loadModel('toy', { placement: 'swarm' })
    const placed = first.state().placement?.stages ?? []
    expect(placed.map(({ nodeId }) => nodeId)).toEqual([first.id, second.id])
    const events: GenerateEvent[] = []
    const answer = await first.api.generate(request({ maxTokens: 30 }), (event) => {
      events.push(event)
      if (events.filter(({ type }) => type === 'token').length === 5) second.kill()
    })
    expect(answer.tokens).toEqual(alone.tokens)
    expect(answer.logitsDigests).toEqual(alone.logitsDigests)
    // It took the lost stage over beside its own, whose cache it kept.
    expect(answer.stages.map(({ nodeId, range }) => ({ nodeId, range }))).toEqual(
      placed.map(({ range }) => ({ nodeId: first.id, range })),
    )
    expect(events.filter(({ type }) => type === 'token')).toHaveLength(30)
    expect(events.filter(({ type }) => type === 'recovery')).toEqual([
      { type: 'recovery', state: 'began', message: 'Anna’s laptop fell silent.' },
      { type: 'recovery', state: 'done', message: '' },
    ])
  })

  test('without a GPU says why, and chats through another node', async () => {
    const { createNode } = await openRoom()
    const strong = await createNode(8)
    const light = await createNode(9, { light: true })
    await gpuReady(strong)
    await light.until((state) => state.gpu.kind === 'none', 'its lack of a GPU')
    const alone = await light.api.generate(request(), () => undefined).catch(errorMessage)
    expect(alone).toMatch(/No WebGPU here\. Use another browser\./)
    await joinAll(strong, [light])
    await strong.api.loadModel('toy')
    await light.until((state) => state.peers[0]?.models[0]?.id === 'toy', 'a model to ask for')
    const own = await strong.api.generate(request(), () => undefined)
    const tokens: number[] = []
    let text = ''
    const answer = await light.api.generate(request({ logits: 'none' }), (event) => {
      if (event.type !== 'token') return
      tokens.push(event.token)
      text += event.text
    })
    expect(answer.tokens).toEqual(own.tokens)
    expect(tokens).toEqual(own.tokens)
    expect(text).toBe(own.text)
    expect(answer).toMatchObject({ finish: 'length', promptTokens: 10 })
    const stopped = light.api.generate(request({ requestId: 'long', maxTokens: 100, logits: 'none' }), (event) => {
      if (event.type === 'token') void light.api.stop('long')
    })
    expect(await stopped).toMatchObject({ finish: 'cancelled' })
    let heard = 0
    const cut = light.api.generate(request({ requestId: 'cut', maxTokens: 100, logits: 'none' }), (event) => {
      if (event.type === 'token' && ++heard === 5) strong.kill()
    })
    await expect(cut).rejects.toMatchObject({
      code: 'PEER_LEFT',
      message: expect.stringContaining('the answer ends here'),
    })
    expect(heard).toBeGreaterThanOrEqual(5)
  })

  test('that loses its GPU says so and answers no more by itself', async () => {
    const { createNode } = await openRoom()
    const node = await createNode(10)
    await gpuReady(node)
    await node.api.loadModel('toy')
    node.loseGpu()
    const state = await node.until((next) => next.gpu.kind === 'none', 'the loss')
    expect(state.gpu).toMatchObject({ reason: 'device-lost', remedy: expect.stringContaining('Reload') })
    await expect(node.api.generate(request(), () => undefined)).rejects.toMatchObject({
      code: expect.stringMatching(/GPU_(LOST|UNAVAILABLE)/),
    })
  })

  test('answers several askers one after another, and stops when told', async () => {
    const { createNode } = await openRoom()
    const node = await createNode(11)
    await gpuReady(node)
    const [a, b] = await Promise.all([
      node.api.generate(request(), () => undefined),
      node.api.generate(request({ prompt: { text: 'Call me ' } }), () => undefined),
    ])
    expect(a.tokens).not.toEqual(b.tokens)
    const alone = await node.api.generate(request(), () => undefined)
    expect(alone.logitsDigests).toEqual(a.logitsDigests)
    let seen = 0
    const stopped = await node.api.generate(request({ requestId: 'stop me', maxTokens: 100 }), (event) => {
      if (event.type === 'token' && ++seen === 3) void node.api.stop('stop me')
    })
    expect(stopped.finish).toBe('cancelled')
    expect(stopped.tokens.length).toBeLessThan(10)
    const sampling = { temperature: 0.9, topK: 40, seed: 3 }
    const drawn = await node.api.generate(request({ sampling, logits: 'none' }), () => undefined)
    expect((await node.api.generate(request({ sampling, logits: 'none' }), () => undefined)).tokens).toEqual(
      drawn.tokens,
    )
    expect(drawn.tokens).not.toEqual(a.tokens)
  })

  test('refuses what cannot be, with words to act on', async () => {
    const { createNode } = await openRoom()
    const node = await createNode(12)
    await gpuReady(node)
    await expect(node.api.join('https://example.org/')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await expect(node.api.loadModel('nothing')).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' })
    await expect(node.api.generate(request({ prompt: { text: '' } }), () => undefined)).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
    })
    await expect(
      node.api.generate(request({ prompt: { text: 'x'.repeat(129) } }), () => undefined),
    ).rejects.toMatchObject({ code: 'CONTEXT_FULL' })
    const files = [new Blob([new Uint8Array(100)])]
    await expect(node.api.addModel({ kind: 'files', files, names: ['broken.gguf'] })).rejects.toThrow(/broken\.gguf/)
    expect(node.state().models.map((model) => model.id)).toEqual(['toy'])
  })
})
