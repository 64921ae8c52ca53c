// How much a node thinks of each of its neighbours: gossipsub 1.1's score, summed over topics. It knows time in the mesh (P1),
// first deliveries (P2), invalid news (P4) and misbehaviour (P7). Left out on purpose: the penalty for a slow mesh (P3), since
// slowness is no fault, and those that need an application's opinion (P5) or IP addresses (P6), which links do not show.

interface Counters {
  /** Heartbeats in a mesh, up to its cap. */
  meshBeats: number
  first: number
  invalid: number
  behaviour: number
  /** Heartbeats since it left; a peer cannot wash its score by coming back. */
  gone: number
}

const MESH = { weight: 0.01, cap: 300 }
const FIRST = { weight: 0.5, cap: 20, decay: 0.9 }
/** A node verifies what it passes on, so that even one invalid piece is no accident. */
const INVALID = { weight: 25, decay: 0.998 }
/** What may go wrong between honest nodes, such as a GRAFT that crosses a PRUNE, stays below the tolerance. */
const BEHAVIOUR = { weight: 10, decay: 0.99, tolerance: 6 }
const NOTHING = 0.01
const KEPT_BEATS = 600
const MAX_PEERS = 1024

export interface Scores {
  of(peer: string): number
  deliveredFirst(peer: string): void
  sentInvalid(peer: string): void
  misbehaved(peer: string, times?: number): void
  /** Once a heartbeat: time in the mesh is counted, all else fades. */
  tick(inMesh: ReadonlySet<string>, linked: ReadonlySet<string>): void
}

export function createScores(): Scores {
  const peers = new Map<string, Counters>()
  const entry = (peer: string): Counters => {
    const known = peers.get(peer)
    if (known) return known
    if (peers.size >= MAX_PEERS) peers.delete(peers.keys().next().value as string)
    const made = { meshBeats: 0, first: 0, invalid: 0, behaviour: 0, gone: 0 }
    peers.set(peer, made)
    return made
  }
  const fade = (value: number, decay: number) => (value * decay < NOTHING ? 0 : value * decay)

  return {
    of(peer) {
      const counters = peers.get(peer)
      if (!counters) return 0
      const excess = Math.max(0, counters.behaviour - BEHAVIOUR.tolerance)
      return (
        MESH.weight * counters.meshBeats +
        FIRST.weight * counters.first -
        INVALID.weight * counters.invalid ** 2 -
        BEHAVIOUR.weight * excess ** 2
      )
    },
    deliveredFirst(peer) {
      const counters = entry(peer)
      counters.first = Math.min(FIRST.cap, counters.first + 1)
    },
    sentInvalid(peer) {
      entry(peer).invalid++
    },
    misbehaved(peer, times = 1) {
      entry(peer).behaviour += times
    },
    tick(inMesh, linked) {
      for (const peer of inMesh) entry(peer)
      for (const [peer, counters] of peers) {
        const isLinked = linked.has(peer)
        counters.gone = isLinked ? 0 : counters.gone + 1
        // What was good ends with the link; what was bad stays for a while.
        counters.meshBeats = inMesh.has(peer) ? Math.min(MESH.cap, counters.meshBeats + 1) : 0
        counters.first = isLinked ? fade(counters.first, FIRST.decay) : 0
        counters.invalid = fade(counters.invalid, INVALID.decay)
        counters.behaviour = fade(counters.behaviour, BEHAVIOUR.decay)
        if (counters.gone > KEPT_BEATS) peers.delete(peer)
      }
    },
  }
}
