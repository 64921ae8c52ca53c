// What this node knows of the others in its room: their links, what each says of itself, and how busy it is.

import { toHex } from '#core/crypto/bytes.ts'
import type { PlacementNode } from '#core/pipeline/place-layers.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../net/swarm.ts'
import type { PeerState } from './api.ts'
import type { Load, Query } from './peer-exchange.ts'

export type Capabilities = BodyOf<'PEER_CAPABILITIES'>

export interface RoomPeers {
  list(): readonly PeerState[]
  /** Nodes with an open link that offer a GPU. */
  helpers(): readonly PlacementNode[]
  nameOf(peer: string): string
  learn(peer: string, capabilities: Capabilities): void
  forget(peer: string): void
  /** The least busy node that can answer with the model at once, and the model's fingerprint. */
  holderOf(modelId: string): { readonly peer: string; readonly fingerprint: string } | undefined
  /** Of a model that some node of the room told of, perhaps one that has left. */
  fingerprintOf(modelId: string): string | undefined
  /** Nodes that have what a query asks for. */
  find(query: Query): readonly string[]
}

/** A tab out of view is slowed down by its browser, and may be frozen. */
const HIDDEN_SHARE = 0.5

export function createRoomPeers(swarm: Swarm, loadOf: (peer: string) => Load | undefined): RoomPeers {
  const fingerprints = new Map<string, string>()
  /** What is left of a node's speed for one more. */
  const share = (peer: string) => {
    const load = loadOf(peer)
    if (load === undefined) return 1
    return (load.visibility === 'hidden' ? HIDDEN_SHARE : 1) / (1 + load.running + load.waiting)
  }
  const known = new Map<string, Capabilities>()
  const names = new Map<string, string>()

  return {
    list: () =>
      swarm.peers().map(({ id, name, link, path, roundTripMs }): PeerState => {
        const told = known.get(id)
        names.set(id, told?.name ?? name)
        return {
          id,
          name: told?.name ?? name,
          link,
          path,
          roundTripMs,
          light: told?.light ?? true,
          gpu: told?.gpu ?? '',
          budgetBytes: told?.budgetBytes ?? 0,
          bytesPerSecond: told?.bytesPerSecond ?? 0,
          models: told?.models.map(({ id: model, title }) => ({ id: model, title })) ?? [],
          load: loadOf(id) ?? null,
        }
      }),
    helpers: () =>
      swarm.peers().flatMap(({ id, link, roundTripMs }) => {
        const told = known.get(id)
        if (link !== 'open' || !told || told.light || told.bytesPerSecond <= 0) return []
        const { budgetBytes } = told
        const bytesPerSecond = told.bytesPerSecond * share(id)
        return [{ id, budgetBytes, bytesPerSecond, ...(roundTripMs !== null && { roundTripMs }) }]
      }),
    // Names outlive links, so that a message can still say who left.
    nameOf: (peer) => names.get(peer) ?? `node ${peer.slice(0, 4)}`,
    learn(peer, capabilities) {
      known.set(peer, capabilities)
      names.set(peer, capabilities.name)
      for (const { id, fingerprint } of capabilities.models) fingerprints.set(id, fingerprint)
    },
    forget: (peer) => void known.delete(peer),
    holderOf(modelId) {
      const holders = swarm.peers().flatMap(({ id, link, roundTripMs }) => {
        const model = link === 'open' ? known.get(id)?.models.find((offered) => offered.id === modelId) : undefined
        return model ? [{ peer: id, fingerprint: model.fingerprint, far: roundTripMs ?? 0 }] : []
      })
      return holders.sort((a, b) => share(b.peer) - share(a.peer) || a.far - b.far)[0]
    },
    fingerprintOf: (modelId) => fingerprints.get(modelId),
    find({ model, genome, budgetBytes }) {
      const wanted = model === null ? null : toHex(model)
      // Who holds which genome is told by the genomes' own messages.
      if (genome !== null) return []
      return [...known]
        .filter(([, { models }]) => wanted === null || models.some(({ fingerprint }) => fingerprint === wanted))
        .filter(([, told]) => budgetBytes === 0 || (!told.light && told.budgetBytes >= budgetBytes))
        .map(([peer]) => peer)
    },
  }
}
