// Gossip among many nodes: everyone hears all news once, in few copies; who floods or lies is put out by its neighbours while
// the others go on; who is merely slow is not.

import { describe, expect, it } from 'vitest'
import { GOSSIP_PARAMETERS } from '#core/gossip/parameters.ts'
import { createRandom } from '../simulation.ts'
import { newsId } from '#core/gossip/news.ts'
import {
  createGossipNetwork,
  forge,
  identityOf,
  isKindToSlowNodes,
  TOPIC,
  type FakeNode,
  type GossipNetwork,
  type NetworkOptions,
} from './gossip-network.ts'

const SECOND = 1000
const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0)
const neighboursOf = ({ nodes }: GossipNetwork, node: FakeNode) => nodes.filter(({ links }) => links.has(node.id))
/** Every node publishes one piece, and time passes until it should be everywhere. */
async function tellAll(network: GossipNetwork, speakers: readonly FakeNode[]): Promise<void> {
  for (const node of speakers) {
    await node.publish()
    await network.advance(200)
  }
  await network.advance(10 * SECOND)
}

describe('news', () => {
  it.each([1, 2, 3])('reaches each of 40 nodes once, in few copies (seed %i)', async (seed) => {
    const network = createGossipNetwork({ seed, nodes: 40, degree: 9 })
    await network.advance(5 * SECOND)
    for (const { gossip } of network.nodes) {
      expect(gossip.meshOf(TOPIC).length).toBeGreaterThanOrEqual(GOSSIP_PARAMETERS.mesh.low)
      expect(gossip.meshOf(TOPIC).length).toBeLessThanOrEqual(GOSSIP_PARAMETERS.mesh.high)
    }
    await tellAll(network, network.nodes.slice(0, 20))
    for (const node of network.nodes) {
      const expected = 20 - (network.nodes.indexOf(node) < 20 ? 1 : 0)
      expect(new Set(node.heard).size).toBe(expected)
      expect(node.heard).toHaveLength(expected)
      expect(node.refused.size).toBe(0)
    }
    const copies = sum(network.nodes.map(({ received }) => received.get('GOSSIP_PUBLISH') ?? 0)) / (39 * 20)
    // Each copy more than one is the price of a mesh; at most what its wished size would cost.
    expect(copies).toBeLessThan(GOSSIP_PARAMETERS.mesh.wished)
  })

  it('is asked for by those whom the mesh did not bring it', async () => {
    const network = createGossipNetwork({ seed: 4, nodes: 3, degree: 1 })
    await network.advance(3 * SECOND)
    const [ada, ben, cleo] = network.nodes as [FakeNode, FakeNode, FakeNode]
    // Ben and Cleo are in nobody's mesh, as if they had been pruned.
    const prune = { topic: TOPIC, backoffMs: 60_000, peers: [] }
    for (const node of [ben, cleo]) for (const peer of node.links) node.send(peer, 'GOSSIP_PRUNE', prune)
    await network.advance(SECOND)
    expect(ada.gossip.meshOf(TOPIC)).toEqual([])
    // Cleo's news reaches Ada, who passes nothing on whole.
    await ada.gossip.onPublish(cleo.id, await forge(cleo.identity, 50))
    expect(ben.heard).toEqual([])
    await network.advance(3 * SECOND)
    expect(ben.heard).toEqual([`${cleo.id} 50`])
    expect(ben.received.get('GOSSIP_IHAVE')).toBeGreaterThan(0)
    expect(ada.received.get('GOSSIP_IWANT')).toBe(1)
  })

  it('is not sent to those who say that they have it', async () => {
    const network = createGossipNetwork({ seed: 5, nodes: 3, degree: 2 })
    await network.advance(3 * SECOND)
    const [ada, ben, cleo] = network.nodes as [FakeNode, FakeNode, FakeNode]
    const spoken = await forge(cleo.identity, 50)
    ben.send(ada.id, 'GOSSIP_IDONTWANT', { ids: [newsId(spoken.news)] })
    await network.advance(SECOND)
    await ada.gossip.onPublish(cleo.id, spoken)
    await network.advance(5 * SECOND)
    expect(ada.heard).toEqual([`${cleo.id} 50`])
    expect(ben.heard).toEqual([])
    expect(ben.received.get('GOSSIP_PUBLISH')).toBeUndefined()
    // Other news still is.
    await ada.publish()
    await network.advance(SECOND)
    expect(ben.heard).toEqual([`${ada.id} 0`])
  })

  it('counts once, however often and in whatever words it is repeated', async () => {
    const network = createGossipNetwork({ seed: 6, nodes: 2, degree: 1 })
    await network.advance(3 * SECOND)
    const [ada, ben] = network.nodes as [FakeNode, FakeNode]
    const author = { ...ben.identity }
    ben.send(ada.id, 'GOSSIP_PUBLISH', await forge(author, 9))
    ben.send(ada.id, 'GOSSIP_PUBLISH', await forge(author, 9))
    await network.advance(SECOND)
    expect(ada.heard).toEqual([`${ben.id} 9`])
    // Long after its id was forgotten, its number still is not.
    await network.advance(GOSSIP_PARAMETERS.seenMs + 10 * SECOND)
    ben.send(ada.id, 'GOSSIP_PUBLISH', await forge(author, 9))
    await network.advance(SECOND)
    expect(ada.heard).toEqual([`${ben.id} 9`])
  })

  it('stays in the room where it was told', async () => {
    const network = createGossipNetwork({ seed: 7, nodes: 3, degree: 1 })
    const [ada, ben] = network.nodes as [FakeNode, FakeNode]
    await ada.gossip.onPublish(ben.id, await forge(ben.identity, 1))
    ada.gossip.forget()
    await network.advance(5 * SECOND)
    expect(network.nodes[2]?.heard).toEqual([])
  })
})

describe('who does not keep to the rules', () => {
  /** 32 nodes, the first of which begins to act against all of its neighbours, ten times a second. */
  async function playBad(
    seed: number,
    seconds: number,
    act: (bad: FakeNode, peer: string, turn: number) => Promise<void> | void,
    options: Partial<NetworkOptions> = {},
  ): Promise<{ network: GossipNetwork; bad: FakeNode; neighbours: readonly FakeNode[]; put: () => number }> {
    const network = createGossipNetwork({ seed, nodes: 32, degree: 8, ...options })
    await network.advance(5 * SECOND)
    const bad = network.nodes[0] as FakeNode
    const neighbours = neighboursOf(network, bad)
    expect(neighbours.length).toBeGreaterThanOrEqual(8)
    for (let turn = 0; turn < seconds * 10; turn++) {
      for (const peer of [...bad.links]) await act(bad, peer, turn)
      await network.advance(100)
    }
    return { network, bad, neighbours, put: () => neighbours.filter(({ refused }) => refused.has(bad.id)).length }
  }
  async function expectOthersGoOn(network: GossipNetwork, bad: FakeNode): Promise<void> {
    const others = network.nodes.filter((node) => node !== bad)
    for (const node of others) expect([...node.refused.keys()].filter((id) => id !== bad.id)).toEqual([])
    const speakers = others.slice(0, 5)
    const before = others.map(({ heard }) => heard.length)
    await tellAll(network, speakers)
    for (const [index, node] of others.entries()) {
      // What is left of the flood may still come late.
      const heard = node.heard.slice(before[index]).filter((line) => speakers.some(({ id }) => line.startsWith(id)))
      expect(heard).toHaveLength(5 - (index < 5 ? 1 : 0))
    }
  }

  it('is put out by all its neighbours when it floods with news of its own', async () => {
    let sequence = 100
    const { network, bad, neighbours, put } = await playBad(11, 8, async (node, peer) => {
      for (let i = 0; i < 10; i++) node.send(peer, 'GOSSIP_PUBLISH', await forge(node.identity, sequence++))
    })
    expect(put()).toBe(neighbours.length)
    // What went through before is bounded by what one author may say.
    const { burst, perSecond } = GOSSIP_PARAMETERS.rates.author.taken
    for (const node of network.nodes) expect(node.heard.length).toBeLessThanOrEqual(burst + perSecond * 10)
    await expectOthersGoOn(network, bad)
  })

  it('is put out when it floods in the names of many authors', async () => {
    const random = createRandom(12)
    // Smaller numbers in the same proportions, so that the flood need not be as long.
    const { rates } = GOSSIP_PARAMETERS
    const eager = { sent: { perSecond: 8, burst: 16 }, taken: { perSecond: 16, burst: 96 } }
    const parameters = { ...GOSSIP_PARAMETERS, rates: { ...rates, eager } }
    const { network, bad, neighbours, put } = await playBad(
      12,
      2,
      async (node, peer) => {
        for (let i = 0; i < 15; i++) node.send(peer, 'GOSSIP_PUBLISH', await forge(identityOf(random(32)), 1))
      },
      { parameters, nodes: 16 },
    )
    expect(put()).toBe(neighbours.length)
    await expectOthersGoOn(network, bad)
  })

  it('is put out for news that nobody signed', async () => {
    let sequence = 100
    const { network, bad, neighbours, put } = await playBad(13, 1, async (node, peer) => {
      node.send(peer, 'GOSSIP_PUBLISH', await forge(identityOf(new Uint8Array(32).fill(9)), sequence++, false))
    })
    expect(put()).toBe(neighbours.length)
    for (const node of network.nodes) expect(node.heard).toEqual([])
    await expectOthersGoOn(network, bad)
  })

  it('is put out when it tells of news that it does not have', async () => {
    const random = createRandom(14)
    const tell = (node: FakeNode, peer: string, turn: number) => {
      const ids = Array.from({ length: 20 }, () => random(32))
      if (turn % 10 === 0) node.send(peer, 'GOSSIP_IHAVE', { topic: TOPIC, ids })
    }
    const { network, bad, neighbours, put } = await playBad(14, 50, tell, { nodes: 16 })
    expect(put()).toBe(neighbours.length)
    await expectOthersGoOn(network, bad)
  })

  it('is put out when it grafts itself into the mesh while it was asked to wait', async () => {
    const { network, bad, neighbours, put } = await playBad(15, 6, (node, peer, turn) => {
      if (turn === 0) {
        // Its own PRUNE makes the others wait as well; who grafts then breaks the wait.
        node.send(peer, 'GOSSIP_PRUNE', { topic: TOPIC, backoffMs: 60_000, peers: [] })
      } else node.send(peer, 'GOSSIP_GRAFT', { topic: TOPIC })
    })
    expect(put()).toBe(neighbours.length)
    await expectOthersGoOn(network, bad)
  })

  it('is put out when it asks for the same news again and again', async () => {
    const network = createGossipNetwork({ seed: 16, nodes: 4, degree: 3 })
    await network.advance(5 * SECOND)
    const [ada, ben] = network.nodes as [FakeNode, FakeNode]
    await ada.publish()
    const body = await forge(ada.identity, 77)
    await network.nodes[1]?.gossip.onPublish(ada.id, body)
    await network.advance(SECOND)
    for (let i = 0; i < 20 && ada.links.has(ben.id); i++) {
      ada.send(ben.id, 'GOSSIP_IWANT', { ids: [newsId(body.news)] })
      await network.advance(100)
    }
    expect(ben.refused.has(ada.id)).toBe(true)
  })

  it('is met with its old score when it comes back', async () => {
    const network = createGossipNetwork({ seed: 17, nodes: 2, degree: 1 })
    await network.advance(3 * SECOND)
    const [ada, ben] = network.nodes as [FakeNode, FakeNode]
    for (let i = 0; i < 3; i++) await ada.gossip.onPublish(ben.id, await forge(ada.identity, i, false))
    for (let i = 0; i < 3; i++) await ada.gossip.onPublish(ben.id, await forge(ben.identity, i, false))
    expect(ada.refused.size).toBe(1)
    ada.refused.clear()
    ada.gossip.onPeerOpen(ben.id)
    expect(ada.refused.size).toBe(1)
    await network.advance(600 * SECOND)
    ada.refused.clear()
    ada.gossip.onPeerOpen(ben.id)
    expect(ada.refused.size).toBe(0)
  })
})

describe('a tab that is reloaded', () => {
  it('is not blamed for grafts where it does not know that it is to wait, and is once it was told', async () => {
    const network = createGossipNetwork({ seed: 18, nodes: 2, degree: 1 })
    const [ada, ben] = network.nodes as [FakeNode, FakeNode]
    const topics = Array.from({ length: 8 }, (_, index) => `topic ${index}`)
    for (const topic of topics) ada.gossip.subscribe(topic, { names: [], onNews: () => 'ignore' })
    await network.advance(3 * SECOND)
    // It takes its leave everywhere, and is back within the wait, with nothing of it in its memory.
    for (const topic of topics) ada.gossip.onPrune(ben.id, { topic, backoffMs: 10_000, peers: [] })
    ada.gossip.onPeerLost(ben.id)
    await network.advance(SECOND)
    ada.gossip.onPeerOpen(ben.id)
    const graftAll = () => {
      for (const topic of topics) ada.gossip.onGraft(ben.id, { topic })
    }
    graftAll()
    expect(ada.refused.size).toBe(0)
    for (const topic of topics) expect(ada.gossip.meshOf(topic)).toEqual([])
    graftAll()
    expect(ada.refused.has(ben.id)).toBe(true)
  })
})

describe('who is merely slow', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('keeps its links and hears all news (seed %i)', async (seed) => {
    expect(await isKindToSlowNodes(seed)).toBe(true)
  })
})
