// The way of a piece of news through a node: made here or received, verified once, kept for those who ask, and passed on; and
// the asking, by id, for what the mesh did not bring.

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import { createAuthors } from '#core/gossip/authors.ts'
import { createMessageCache } from '#core/gossip/message-cache.ts'
import { shuffle } from '#core/gossip/mesh.ts'
import { newsId, readNews, signNews, type News, type NewsName } from '#core/gossip/news.ts'
import type { GossipParameters } from '#core/gossip/parameters.ts'
import type { Scores } from '#core/gossip/score.ts'
import { GOSSIP_NEWS } from '#core/protocol/messages/gossip.ts'
import { createTokenBucket } from '#core/protocol/rates.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { verifyObject } from '#core/protocol/signed-object.ts'
import type { GossipOptions, Topic } from './gossip-options.ts'
import { remember, type GossipPeer } from './gossip-peer.ts'

/** Ids in one message, as declared. */
const MAX_IDS = 512

export interface NewsFlow {
  /** Throws `RATE_LIMITED` when this node published too much of late, `BAD_ARGUMENT`. */
  publish<Name extends NewsName>(topic: string, name: Name, body: BodyOf<Name>): Promise<void>
  onPublish(from: GossipPeer, body: BodyOf<'GOSSIP_PUBLISH'>): Promise<void>
  onIHave(from: GossipPeer, body: BodyOf<'GOSSIP_IHAVE'>): void
  onIWant(from: GossipPeer, body: BodyOf<'GOSSIP_IWANT'>): void
  onIDontWant(from: GossipPeer, body: BodyOf<'GOSSIP_IDONTWANT'>): void
  /** Tells `listeners` of a topic's recent news by id. */
  tell(topic: string, listeners: readonly GossipPeer[]): void
  /** Once a heartbeat: what is old is forgotten, and broken promises are counted. */
  tick(): void
  /** Another room: what was told in this one stays in it. */
  forget(): void
}

export interface NewsFlowParts {
  readonly options: GossipOptions
  readonly parameters: GossipParameters
  readonly scores: Scores
  readonly topics: ReadonlyMap<string, Topic>
  readonly peers: ReadonlyMap<string, GossipPeer>
  meshOf(topic: string): readonly GossipPeer[]
  /** Ends the link of a peer whose score fell too low. */
  judge(peer: GossipPeer): void
}

export function createNewsFlow(parts: NewsFlowParts): NewsFlow {
  const { options, parameters, scores, topics, peers, meshOf, judge } = parts
  const { clock, identity, send, verifier } = options
  const self = toHex(identity.publicKey)
  const cache = createMessageCache(parameters)
  const authors = createAuthors(parameters.rates.author.taken)
  const own = createTokenBucket(parameters.rates.author.sent, clock.now())
  /** By id, when it was first seen. */
  const seen = new Map<string, number>()
  /** By id, until when nobody else is asked. */
  const asked = new Map<string, number>()

  const trySend: typeof send = (peer, name, body) => {
    try {
      send(peer, name, body)
    } catch {
      // It left meanwhile, or is so far behind that no more can wait for it: it hears of the news by id.
    }
  }

  const blame = (peer: GossipPeer, what: 'invalid' | 'misbehaved') => {
    if (what === 'invalid') scores.sentInvalid(peer.id)
    else scores.misbehaved(peer.id)
    judge(peer)
  }

  /** Whole, unasked, to those of `receivers` who neither have the news nor get too much of it. */
  const push = (id: string, body: BodyOf<'GOSSIP_PUBLISH'>, receivers: Iterable<GossipPeer>) => {
    for (const peer of receivers) {
      if (peer.unwanted.has(id) || peer.copies.has(id)) continue
      if (peer.sending.take(clock.now())) trySend(peer.id, 'GOSSIP_PUBLISH', body)
    }
  }

  /** Whoever sent it, nobody is waited for any longer. */
  const arrived = (id: string) => {
    asked.delete(id)
    for (const peer of peers.values()) peer.promises.delete(id)
  }

  const keep = (id: string, topic: string, body: BodyOf<'GOSSIP_PUBLISH'>) => {
    seen.set(id, clock.now())
    cache.put(id, { topic, body })
  }

  return {
    async publish(topic, name, body) {
      if (!topics.get(topic)?.names.includes(name)) {
        throw new CentramError('BAD_ARGUMENT', `${name} cannot be published: "${topic}" is no topic for it here.`)
      }
      if (!own.take(clock.now())) {
        throw new CentramError('RATE_LIMITED', 'This node has published much in a short time. Try again in a minute.')
      }
      const sequence = await options.nextSequence()
      const signed = await signNews(identity, { topic, sequence, at: options.wallTime() }, name, body)
      const id = toHex(newsId(signed.news))
      keep(id, topic, signed)
      // Own news goes to everyone who cares and is not distrusted: the mesh may be small or hostile.
      const trusted = [...peers.values()].filter(
        (peer) => peer.topics.has(topic) && scores.of(peer.id) >= parameters.thresholds.publish,
      )
      push(id, signed, trusted)
    },

    async onPublish(from, body) {
      const id = toHex(newsId(body.news))
      const copies = (from.copies.get(id) ?? 0) + 1
      remember(from.copies, id, copies)
      // Once along the mesh, and as often as it may be asked for.
      if (copies > 1 + parameters.retransmissions) return blame(from, 'misbehaved')
      // In answer to IWANT it comes beyond the rate of what nobody asked for.
      const wasAsked = from.promises.delete(id) || asked.has(id)
      if (!wasAsked && !from.taking.take(clock.now())) return blame(from, 'misbehaved')
      if (seen.has(id)) return
      let news: News
      try {
        news = readNews(body.news, (topic) => topics.get(topic)?.names ?? NOTHING)
      } catch (error) {
        // News of a topic that this node left, or of a newer version, is nobody's fault.
        return errorCode(error) === 'PROTOCOL_VIOLATION' ? undefined : blame(from, 'invalid')
      }
      const author = toHex(news.author)
      if (author === self || authors.check(author, news.sequence) === 'seen') return
      if (!(await verifyObject(GOSSIP_NEWS, body.news, news.author, body.signature, verifier))) {
        return blame(from, 'invalid')
      }
      arrived(id)
      // Another copy may have been verified meanwhile.
      if (seen.has(id) || authors.check(author, news.sequence) === 'seen') return
      if (!authors.accept(author, news.sequence, clock.now())) {
        // Only the author answers for it: whoever passed it on may have counted from another moment.
        return author === from.id ? blame(from, 'misbehaved') : undefined
      }
      seen.set(id, clock.now())
      // Not before the signature was verified: else a copy with a wrong one would keep the right one away.
      if (body.news.length >= parameters.dontWantBytes) {
        for (const peer of meshOf(news.topic)) {
          if (peer !== from && !peer.copies.has(id)) trySend(peer.id, 'GOSSIP_IDONTWANT', { ids: [newsId(body.news)] })
        }
      }
      const verdict = (await topics.get(news.topic)?.onNews(news, from.id)) ?? 'ignore'
      if (verdict === 'reject') return blame(from, 'invalid')
      if (verdict === 'ignore') return
      scores.deliveredFirst(from.id)
      cache.put(id, { topic: news.topic, body })
      push(
        id,
        body,
        meshOf(news.topic).filter((peer) => peer !== from && peer.id !== author),
      )
    },

    onIHave(from, { topic, ids }) {
      const { ihaveMessages, askAgainMs, promiseMs, thresholds } = parameters
      from.ihaveCount++
      if (from.ihaveCount > ihaveMessages.flood) return blame(from, 'misbehaved')
      if (from.ihaveCount > ihaveMessages.taken || !topics.has(topic)) return
      if (scores.of(from.id) < thresholds.gossip) return
      const now = clock.now()
      const names = ids.map(toHex)
      const missed = names.filter(
        (id) => !seen.has(id) && !from.promises.has(id) && !from.copies.has(id) && (asked.get(id) ?? 0) <= now,
      )
      const wanted = shuffle(missed, options.random).slice(0, MAX_IDS)
      const [promised] = wanted
      if (promised === undefined) return
      for (const id of wanted) remember(asked, id, now + askAgainMs)
      // One of them, which the peer cannot know, stands for all.
      remember(from.promises, promised, now + promiseMs)
      trySend(from.id, 'GOSSIP_IWANT', { ids: wanted.map(bytesOf) })
    },

    onIWant(from, { ids }) {
      const isServed = scores.of(from.id) >= parameters.thresholds.gossip
      let tooOften = false
      for (const bytes of ids) {
        const id = toHex(bytes)
        const news = cache.get(id)
        if (!news) continue
        const times = (from.served.get(id) ?? 0) + 1
        remember(from.served, id, times)
        if (times > parameters.retransmissions) tooOften = true
        else if (isServed) trySend(from.id, 'GOSSIP_PUBLISH', news.body)
      }
      if (tooOften) blame(from, 'misbehaved')
    },

    onIDontWant(from, { ids }) {
      for (const id of ids) remember(from.unwanted, toHex(id), clock.now())
    },

    tell(topic, listeners) {
      const recent = cache.recent(topic).slice(0, MAX_IDS)
      for (const peer of listeners) {
        const unknown = recent.filter((id) => !peer.copies.has(id) && !peer.unwanted.has(id))
        if (unknown.length > 0) trySend(peer.id, 'GOSSIP_IHAVE', { topic, ids: unknown.map(bytesOf) })
      }
    },

    tick() {
      const now = clock.now()
      cache.shift()
      for (const [id, at] of seen) {
        if (now - at < parameters.seenMs) break
        seen.delete(id)
      }
      for (const [id, until] of asked) if (until <= now) asked.delete(id)
      for (const peer of [...peers.values()]) {
        peer.ihaveCount = 0
        for (const [id, until] of peer.promises) {
          if (until > now) continue
          peer.promises.delete(id)
          blame(peer, 'misbehaved')
        }
      }
    },

    forget() {
      cache.clear()
      asked.clear()
    },
  }
}

const NOTHING: readonly NewsName[] = []
const bytesOf = (id: string) => fromHex(id) as Uint8Array
