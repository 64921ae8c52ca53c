// Many gossiping nodes in one process, under a seed: links with delay, bandwidth and order, and time that jumps from event to
// event. Bodies travel as objects; signatures are stand-ins (a hash under the key), as what is tested is who passes what on.

import type { Clock } from '#core/clock.ts'
import { concatBytes, equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { signNews, type News } from '#core/gossip/news.ts'
import type { GossipParameters } from '#core/gossip/parameters.ts'
import type { BodyOf, PeerMessageName } from '#core/protocol/registry.ts'
import { createGossip, type Gossip } from '../../../../worker/net/gossip.ts'
import { createRandom } from '../simulation.ts'

export const TOPIC = 'keys'
/** Of events that happen together: fine enough beside delays of milliseconds. */
const TICK_MS = 5

type Send = <Name extends PeerMessageName>(peer: string, name: Name, body: BodyOf<Name>) => void

export interface LinkQuality {
  readonly delayMs: number
  readonly bytesPerSecond: number
}

export interface FakeNode {
  readonly id: string
  readonly identity: Identity
  readonly gossip: Gossip
  /** Ids in hex of the authors and numbers of what it heard. */
  readonly heard: string[]
  /** Messages received, by name. */
  readonly received: Map<string, number>
  /** As if its program were another one. */
  readonly send: Send
  readonly links: Set<string>
  /** Peers that it put out. */
  readonly refused: Map<string, string>
  publish(): Promise<void>
}

export interface GossipNetwork {
  readonly nodes: readonly FakeNode[]
  readonly clock: Clock
  advance(milliseconds: number): Promise<void>
}

export interface NetworkOptions {
  readonly seed: number
  readonly nodes: number
  /** Links of each node, about. */
  readonly degree: number
  readonly qualityOf?: (a: number, b: number) => LinkQuality
  readonly parameters?: GossipParameters
}

const fakeSign = (key: Uint8Array, bytes: Uint8Array) => {
  const half = sha256(key, bytes)
  return concatBytes(half, half)
}
const fakeVerifier: Verifier = async (key, bytes, signature) => equalBytes(fakeSign(key, bytes), signature)
const GOOD: LinkQuality = { delayMs: 20, bytesPerSecond: 1e6 }

export function createGossipNetwork(options: NetworkOptions): GossipNetwork {
  const random = createRandom(options.seed)
  const draw = (bound: number) => new DataView(random(4).buffer).getUint32(0) % bound
  const timers = createTimers()
  const links = new Map<string, { free: number }>()
  const nodes: FakeNode[] = []
  const byId = new Map<string, FakeNode>()

  const transmit = (from: FakeNode, to: string, name: PeerMessageName, body: object) => {
    const receiver = byId.get(to)
    if (!receiver || !from.links.has(to)) throw new Error('no link')
    const [a, b] = [nodes.indexOf(from), nodes.indexOf(receiver)]
    const { delayMs, bytesPerSecond } = options.qualityOf?.(a, b) ?? GOOD
    const link = links.get(`${from.id}>${to}`) ?? { free: 0 }
    links.set(`${from.id}>${to}`, link)
    // Bytes queue at the sender, then travel; the order is kept, as on a link.
    const start = Math.max(link.free, timers.clock.now())
    link.free = start + ((encodeCanonical(body).length + 150) / bytesPerSecond) * 1000
    const wait = link.free + delayMs - timers.clock.now()
    timers.clock.setTimeout(() => {
      if (!receiver.links.has(from.id)) return
      receiver.received.set(name, (receiver.received.get(name) ?? 0) + 1)
      void deliver(receiver.gossip, from.id, name, body)
    }, wait)
  }
  const cut = (a: FakeNode, b: string) => {
    a.links.delete(b)
    byId.get(b)?.links.delete(a.id)
    a.gossip.onPeerLost(b)
    byId.get(b)?.gossip.onPeerLost(a.id)
  }

  for (let index = 0; index < options.nodes; index++) {
    const key = sha256(Uint8Array.of(options.seed & 255, options.seed >> 8, index))
    const identity: Identity = { publicKey: key, sign: async (bytes) => fakeSign(key, bytes) }
    const id = toHex(key)
    let sequence = 0
    const send: Send = (peer, name, body) => transmit(node, peer, name, body as object)
    const refused = new Map<string, string>()
    const gossip = createGossip({
      identity,
      verifier: fakeVerifier,
      clock: timers.clock,
      wallTime: () => 1_790_000_000_000 + Math.round(timers.clock.now()),
      random: createRandom(options.seed * 1000 + index),
      send,
      refuse(peer, error) {
        refused.set(peer, error.message)
        cut(node, peer)
      },
      nextSequence: async () => sequence++,
      ...(options.parameters && { parameters: options.parameters }),
    })
    const heard: string[] = []
    gossip.subscribe(TOPIC, {
      names: ['PEER_KEY_REVOKE'],
      onNews(news: News) {
        heard.push(`${toHex(news.author)} ${news.sequence}`)
        return 'accept'
      },
    })
    const node: FakeNode = {
      id,
      identity,
      gossip,
      heard,
      received: new Map(),
      send,
      links: new Set(),
      refused,
      publish: () => gossip.publish(TOPIC, 'PEER_KEY_REVOKE', fakeRevocation()),
    }
    nodes.push(node)
    byId.set(id, node)
  }
  const connect = (a: FakeNode, b: FakeNode) => {
    if (a === b || a.links.has(b.id)) return
    a.links.add(b.id)
    b.links.add(a.id)
    a.gossip.onPeerOpen(b.id)
    b.gossip.onPeerOpen(a.id)
  }
  // A ring, so that everyone can be reached, and chords drawn from the seed.
  for (const [index, node] of nodes.entries()) connect(node, nodes[(index + 1) % nodes.length] as FakeNode)
  for (const node of nodes) {
    while (node.links.size < Math.min(options.degree, nodes.length - 1))
      connect(node, nodes[draw(nodes.length)] as FakeNode)
  }

  return { nodes, clock: timers.clock, advance: timers.advance }
}

/** Any body that is declared for news; what it says is not looked at here. */
export function fakeRevocation(filler = 0): BodyOf<'PEER_KEY_REVOKE'> {
  const bytes = encodeCanonical({
    key: new Uint8Array(32).fill(filler),
    by: new Uint8Array(32).fill(filler),
    successor: null,
    why: 'lost',
    at: filler,
  })
  return { revocation: bytes, signature: new Uint8Array(64) }
}

async function deliver(gossip: Gossip, from: string, name: PeerMessageName, body: object): Promise<void> {
  switch (name) {
    case 'GOSSIP_SUBSCRIBE':
      return gossip.onSubscribe(from, body as never)
    case 'GOSSIP_UNSUBSCRIBE':
      return gossip.onUnsubscribe(from, body as never)
    case 'GOSSIP_GRAFT':
      return gossip.onGraft(from, body as never)
    case 'GOSSIP_PRUNE':
      return gossip.onPrune(from, body as never)
    case 'GOSSIP_PUBLISH':
      return gossip.onPublish(from, body as never)
    case 'GOSSIP_IHAVE':
      return gossip.onIHave(from, body as never)
    case 'GOSSIP_IWANT':
      return gossip.onIWant(from, body as never)
    case 'GOSSIP_IDONTWANT':
      return gossip.onIDontWant(from, body as never)
    default:
      throw new Error(name)
  }
}

/** Timers in order of their time, in buckets, with a turn of the real event loop after each bucket. */
function createTimers() {
  let now = 0
  let count = 0
  const buckets = new Map<number, Map<number, () => void>>()
  const places = new Map<number, number>()
  const clock: Clock = {
    now: () => now,
    setTimeout(callback, milliseconds) {
      const tick = Math.max(Math.floor(now / TICK_MS) + 1, Math.ceil((now + milliseconds) / TICK_MS))
      const bucket = buckets.get(tick) ?? new Map<number, () => void>()
      buckets.set(tick, bucket)
      bucket.set(++count, callback)
      places.set(count, tick)
      return count
    },
    clearTimeout(timer) {
      const tick = places.get(timer as number)
      if (tick !== undefined) buckets.get(tick)?.delete(timer as number)
      places.delete(timer as number)
    },
  }
  return {
    clock,
    async advance(milliseconds: number) {
      const end = now + milliseconds
      await turn()
      for (let tick = Math.floor(now / TICK_MS) + 1; tick * TICK_MS <= end; tick++) {
        const bucket = buckets.get(tick)
        if (!bucket) continue
        buckets.delete(tick)
        now = tick * TICK_MS
        for (const [id, callback] of bucket) {
          places.delete(id)
          callback()
        }
        await turn()
      }
      now = end
    },
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A piece of news as `author` would sign it, for those who do not keep to the rules. */
export async function forge(author: Identity, sequence: number, isValid = true): Promise<BodyOf<'GOSSIP_PUBLISH'>> {
  const head = { topic: TOPIC, sequence, at: 1 }
  const signed = await signNews(author, head, 'PEER_KEY_REVOKE', fakeRevocation(sequence & 255))
  return isValid ? signed : { ...signed, signature: new Uint8Array(64).fill(1) }
}

/** Whoever has the key can sign; here everyone has. */
export const identityOf = (publicKey: Uint8Array): Identity => ({
  publicKey,
  sign: async (bytes) => fakeSign(publicKey, bytes),
})

/**
 * Two nodes of twelve have seconds of delay each way, and half the bandwidth of a thin line. Whether all links held and all
 * news arrived everywhere.
 */
export async function isKindToSlowNodes(seed: number): Promise<boolean> {
  const random = createRandom(seed + 5000)
  const delays = [1, 2].map(() => 1000 + (random(1)[0] as number) * 16)
  const network = createGossipNetwork({
    seed,
    nodes: 12,
    degree: 6,
    qualityOf(a, b) {
      const slow = Math.max(delays[a] ?? 0, delays[b] ?? 0)
      return slow > 0 ? { delayMs: slow, bytesPerSecond: 8_000 } : { delayMs: 20, bytesPerSecond: 16_000 }
    },
  })
  const before = network.nodes.map(({ links }) => links.size)
  await network.advance(10_000)
  for (let round = 0; round < 4; round++) {
    for (const node of network.nodes) await node.publish()
    await network.advance(5_000)
  }
  await network.advance(20_000)
  return network.nodes.every(
    ({ links, refused, heard }, i) => refused.size === 0 && links.size === before[i] && new Set(heard).size === 4 * 11,
  )
}
