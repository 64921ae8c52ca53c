// News for everyone who cares, over a mesh of a few neighbours a topic (gossipsub 1.1 with 1.2's IDONTWANT). Whole news goes
// along the mesh, signed by its author and verified before it is passed on; the others hear of it by id. Who floods or lies
// loses its link; who is merely slow does not (core/gossip/parameters.ts says by which numbers).

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { chooseListeners, decideMesh, shuffle } from '#core/gossip/mesh.ts'
import type { NewsName } from '#core/gossip/news.ts'
import { GOSSIP_PARAMETERS } from '#core/gossip/parameters.ts'
import { createScores } from '#core/gossip/score.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { createNewsFlow } from './gossip-flow.ts'
import type { GossipOptions, Topic } from './gossip-options.ts'
import { createGossipPeer, MAX_TOPICS, type GossipPeer } from './gossip-peer.ts'

export interface Gossip {
  subscribe(name: string, topic: Topic): void
  /** Signs news and sends it to all who care. Throws `RATE_LIMITED`, and `BAD_ARGUMENT` for a topic not subscribed to. */
  publish<Name extends NewsName>(topic: string, name: Name, body: BodyOf<Name>): Promise<void>
  onPeerOpen(peer: string): void
  /** Silent for now, or back: what it promised cannot be expected meanwhile. */
  onPeerInterrupted(peer: string): void
  onPeerLost(peer: string): void
  onSubscribe(peer: string, body: BodyOf<'GOSSIP_SUBSCRIBE'>): void
  onUnsubscribe(peer: string, body: BodyOf<'GOSSIP_UNSUBSCRIBE'>): void
  onGraft(peer: string, body: BodyOf<'GOSSIP_GRAFT'>): void
  onPrune(peer: string, body: BodyOf<'GOSSIP_PRUNE'>): void
  onPublish(peer: string, body: BodyOf<'GOSSIP_PUBLISH'>): Promise<void> | void
  onIHave(peer: string, body: BodyOf<'GOSSIP_IHAVE'>): void
  onIWant(peer: string, body: BodyOf<'GOSSIP_IWANT'>): void
  onIDontWant(peer: string, body: BodyOf<'GOSSIP_IDONTWANT'>): void
  meshOf(topic: string): readonly string[]
  scoreOf(peer: string): number
  /** The node is about to leave the room: its mesh is told whom to take instead, and nobody tells it news any more. */
  leave(): void
  /** The node went to another room: nothing that was told in this one is passed on there. */
  forget(): void
  close(): void
}

/** A PRUNE may not keep a peer away for longer. */
const LONGEST_BACKOFF_MS = 3_600_000
const MAX_HINTS = 16

interface Mesh {
  readonly peers: Set<string>
  /** By peer: when it was pruned, and until when it is not grafted. */
  readonly backoff: Map<string, { readonly since: number; until: number }>
  /** Peers that a PRUNE named. */
  readonly hinted: Set<string>
}

export function createGossip(options: GossipOptions): Gossip {
  const { clock, parameters = GOSSIP_PARAMETERS } = options
  const scores = createScores()
  const topics = new Map<string, Topic>()
  const meshes = new Map<string, Mesh>()
  const peers = new Map<string, GossipPeer>()
  let beat = 0

  const trySend: typeof options.send = (peer, name, body) => {
    try {
      options.send(peer, name, body)
    } catch {
      // It left meanwhile.
    }
  }
  const judge = ({ id }: GossipPeer) => {
    const score = scores.of(id)
    if (score >= parameters.thresholds.refuse || !peers.has(id)) return
    options.refuse(
      id,
      new CentramError(
        'PROTOCOL_VIOLATION',
        `The peer was refused: its gossip floods or lies (score ${score.toFixed(0)}).`,
      ),
    )
  }
  const misbehaved = (peer: GossipPeer, times = 1) => {
    scores.misbehaved(peer.id, times)
    judge(peer)
  }
  const meshPeers = (topic: string) => [...(meshes.get(topic)?.peers ?? [])].flatMap((id) => peers.get(id) ?? [])
  const flow = createNewsFlow({ options, parameters, scores, topics, peers, meshOf: meshPeers, judge })

  const prune = (peer: string, topic: string, mesh: Mesh, backoffMs: number, withHints: boolean) => {
    mesh.peers.delete(peer)
    const now = clock.now()
    mesh.backoff.set(peer, { since: now, until: now + backoffMs })
    const others = [...peers.values()].filter(
      ({ id, topics: theirs }) => id !== peer && theirs.has(topic) && scores.of(id) >= 0,
    )
    const hints = withHints ? shuffle(others, options.random).slice(0, MAX_HINTS) : []
    trySend(peer, 'GOSSIP_PRUNE', { topic, backoffMs, peers: hints.map(({ id }) => fromHex(id) as Uint8Array) })
  }

  const beatTopic = (topic: string, mesh: Mesh) => {
    const now = clock.now()
    for (const [peer, { until }] of mesh.backoff) if (until <= now) mesh.backoff.delete(peer)
    const subscribed = shuffle(
      [...peers.values()].filter(({ topics: theirs }) => theirs.has(topic)),
      options.random,
    )
    const outside = subscribed.filter(({ id }) => !mesh.peers.has(id))
    const free = outside.map(({ id }) => id).filter((id) => !mesh.backoff.has(id))
    const { graft, prune: leaving } = decideMesh(
      {
        mesh: shuffle([...mesh.peers], options.random),
        candidates: [...free.filter((id) => mesh.hinted.has(id)), ...free.filter((id) => !mesh.hinted.has(id))],
        score: scores.of,
        beat,
      },
      parameters,
    )
    mesh.hinted.clear()
    for (const id of leaving) prune(id, topic, mesh, parameters.backoffMs, scores.of(id) >= 0)
    for (const id of graft) {
      mesh.peers.add(id)
      trySend(id, 'GOSSIP_GRAFT', { topic })
    }
    const others = outside.filter(({ id }) => !mesh.peers.has(id) && scores.of(id) >= parameters.thresholds.gossip)
    flow.tell(topic, chooseListeners(others, parameters))
  }

  const heartbeat = () => {
    timer = clock.setTimeout(heartbeat, parameters.heartbeatMs)
    beat++
    flow.tick()
    scores.tick(new Set([...meshes.values()].flatMap((mesh) => [...mesh.peers])), new Set(peers.keys()))
    for (const [topic, mesh] of meshes) beatTopic(topic, mesh)
  }
  // Nodes that began at once need not beat at once.
  const [phase = 0] = options.random(1)
  let timer = clock.setTimeout(heartbeat, (parameters.heartbeatMs * (phase + 1)) / 256)

  /** What a peer may do once it is known here, by its id. */
  const known =
    <Body, Result>(handle: (peer: GossipPeer, body: Body) => Result) =>
    (id: string, body: Body) => {
      const peer = peers.get(id)
      return peer === undefined ? undefined : handle(peer, body)
    }

  return {
    subscribe(name, topic) {
      topics.set(name, topic)
      if (!meshes.has(name)) meshes.set(name, { peers: new Set(), backoff: new Map(), hinted: new Set() })
      for (const peer of peers.keys()) trySend(peer, 'GOSSIP_SUBSCRIBE', { topics: [name] })
    },
    publish: flow.publish,
    onPeerOpen(id) {
      const peer = createGossipPeer(id, parameters.rates, clock.now())
      peers.set(id, peer)
      // A peer that was put out is met again with what it has left of its score.
      judge(peer)
      if (topics.size > 0 && peers.has(id)) trySend(id, 'GOSSIP_SUBSCRIBE', { topics: [...topics.keys()] })
    },
    onPeerInterrupted: (id) => peers.get(id)?.promises.clear(),
    onPeerLost(id) {
      peers.delete(id)
      for (const mesh of meshes.values()) mesh.peers.delete(id)
    },
    onSubscribe: known((peer, body: BodyOf<'GOSSIP_SUBSCRIBE'>) => {
      for (const topic of body.topics) {
        if (peer.topics.size < MAX_TOPICS) peer.topics.add(topic)
        else if (!peer.topics.has(topic)) return misbehaved(peer)
      }
    }),
    onUnsubscribe: known((peer, body: BodyOf<'GOSSIP_UNSUBSCRIBE'>) => {
      for (const topic of body.topics) {
        peer.topics.delete(topic)
        meshes.get(topic)?.peers.delete(peer.id)
      }
    }),
    onGraft: known((peer, { topic }: BodyOf<'GOSSIP_GRAFT'>) => {
      const mesh = meshes.get(topic)
      if (!mesh || mesh.peers.has(peer.id)) return
      peer.topics.add(topic)
      const backoff = mesh.backoff.get(peer.id)
      const now = clock.now()
      if (backoff !== undefined && backoff.until > now) {
        const isFlood = now - backoff.since < parameters.graftFloodMs
        // A tab that was reloaded grafts in every topic at once, and knows of no PRUNE until it hears this one.
        const wasTold = backoff.since >= peer.linkedAt
        prune(peer.id, topic, mesh, parameters.backoffMs, false)
        if (wasTold) misbehaved(peer, isFlood ? 2 : 1)
      } else if (scores.of(peer.id) < 0) {
        prune(peer.id, topic, mesh, parameters.backoffMs, false)
      } else if (mesh.peers.size >= parameters.mesh.high) {
        prune(peer.id, topic, mesh, parameters.backoffMs, true)
      } else mesh.peers.add(peer.id)
    }),
    onPrune: known((peer, { topic, backoffMs, peers: hints }: BodyOf<'GOSSIP_PRUNE'>) => {
      const mesh = meshes.get(topic)
      if (!mesh) return
      mesh.peers.delete(peer.id)
      const now = clock.now()
      const until = now + Math.min(backoffMs, LONGEST_BACKOFF_MS)
      const standing = mesh.backoff.get(peer.id)
      // A short one must not undo a longer one of this node's own.
      mesh.backoff.set(peer.id, { since: standing?.since ?? now, until: Math.max(until, standing?.until ?? 0) })
      // Whom a distrusted peer recommends is not preferred.
      if (scores.of(peer.id) >= 0) for (const key of hints) mesh.hinted.add(toHex(key))
    }),
    onPublish: known(flow.onPublish),
    onIHave: known(flow.onIHave),
    onIWant: known(flow.onIWant),
    onIDontWant: known(flow.onIDontWant),
    meshOf: (topic) => [...(meshes.get(topic)?.peers ?? [])],
    scoreOf: scores.of,
    leave() {
      for (const [topic, mesh] of meshes) {
        for (const peer of [...mesh.peers]) prune(peer, topic, mesh, parameters.unsubscribeBackoffMs, true)
      }
      for (const peer of peers.keys()) trySend(peer, 'GOSSIP_UNSUBSCRIBE', { topics: [...topics.keys()] })
    },
    forget: flow.forget,
    close: () => clock.clearTimeout(timer),
  }
}
