// What a heartbeat does to the mesh of one topic, and whom it tells of news by id: gossipsub 1.1's rules as functions of what
// is known. Links have no direction that a peer could not choose, so the quota of outbound ones is left out.

import type { GossipParameters } from './parameters.ts'

export interface MeshView {
  readonly mesh: readonly string[]
  /** Linked, subscribed, outside the mesh, and not to be left alone for now; those that a PRUNE named first. */
  readonly candidates: readonly string[]
  readonly score: (peer: string) => number
  /** Heartbeats so far. */
  readonly beat: number
}

export interface MeshChange {
  readonly graft: readonly string[]
  readonly prune: readonly string[]
}

/** Both lists of a view come in an order that nobody could foresee: ties are broken by it. */
export function decideMesh(view: MeshView, parameters: GossipParameters): MeshChange {
  const { score, candidates } = view
  const { wished, low, high, byScore } = parameters.mesh
  const prune = view.mesh.filter((peer) => score(peer) < 0)
  const graft: string[] = []
  let mesh = view.mesh.filter((peer) => score(peer) >= 0)
  const willing = candidates.filter((peer) => score(peer) >= 0)

  if (mesh.length < low) graft.push(...willing.slice(0, wished - mesh.length))
  if (mesh.length > high) {
    // The best ones stay, so that nobody who floods the mesh with new neighbours can push them out.
    const ranked = [...mesh].sort((a, b) => score(b) - score(a))
    const kept = new Set([...ranked.slice(0, byScore), ...mesh.filter((peer) => ranked.indexOf(peer) >= byScore)])
    const staying = [...kept].slice(0, wished)
    prune.push(...mesh.filter((peer) => !staying.includes(peer)))
    mesh = staying
  }
  if (view.beat % parameters.opportunisticBeats === 0 && mesh.length > 1) {
    const scores = mesh.map(score).sort((a, b) => a - b)
    const median = scores[Math.floor(scores.length / 2)] as number
    if (median < parameters.thresholds.opportunistic) {
      const better = willing.filter((peer) => !graft.includes(peer) && score(peer) > median)
      graft.push(...better.slice(0, parameters.opportunisticPeers))
    }
  }
  return { graft, prune }
}

/** Of `others`, in an order that nobody could foresee, those that hear of news by id. */
export function chooseListeners<Peer>(others: readonly Peer[], { lazy }: GossipParameters): readonly Peer[] {
  return others.slice(0, Math.max(lazy.least, Math.floor(others.length * lazy.share)))
}

/** `items` in an order drawn from `random`, four bytes each (Fisher and Yates). */
export function shuffle<Item>(items: readonly Item[], random: (length: number) => Uint8Array): Item[] {
  const shuffled = [...items]
  if (shuffled.length < 2) return shuffled
  const drawn = random(4 * shuffled.length)
  const words = new DataView(drawn.buffer, drawn.byteOffset, drawn.byteLength)
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = words.getUint32(4 * last, true) % (last + 1)
    const item = shuffled[last] as Item
    shuffled[last] = shuffled[other] as Item
    shuffled[other] = item
  }
  return shuffled
}
