// What this node knows of the others in its room: their links, and what each says of itself.

import type { PlacementNode } from '#core/pipeline/place-layers.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../net/swarm.ts'
import type { PeerState } from './api.ts'

export type Capabilities = BodyOf<'PEER_CAPABILITIES'>

export interface RoomPeers {
  list(): readonly PeerState[]
  /** Nodes with an open link that offer a GPU. */
  helpers(): readonly PlacementNode[]
  nameOf(peer: string): string
  learn(peer: string, capabilities: Capabilities): void
  forget(peer: string): void
  /** A node that can answer with the model at once, and the model's fingerprint. */
  holderOf(modelId: string): { readonly peer: string; readonly fingerprint: string } | undefined
}

export function createRoomPeers(swarm: Swarm): RoomPeers {
  const known = new Map<string, Capabilities>()
  const names = new Map<string, string>()

  return {
    list: () =>
      swarm.peers().map(({ id, name, link, roundTripMs }): PeerState => {
        const told = known.get(id)
        names.set(id, told?.name ?? name)
        return {
          id,
          name: told?.name ?? name,
          link,
          roundTripMs,
          light: told?.light ?? true,
          gpu: told?.gpu ?? '',
          budgetBytes: told?.budgetBytes ?? 0,
          bytesPerSecond: told?.bytesPerSecond ?? 0,
          models: told?.models.map(({ id: model, title }) => ({ id: model, title })) ?? [],
        }
      }),
    helpers: () =>
      swarm.peers().flatMap(({ id, link }) => {
        const told = known.get(id)
        if (link !== 'open' || !told || told.light || told.bytesPerSecond <= 0) return []
        return [{ id, budgetBytes: told.budgetBytes, bytesPerSecond: told.bytesPerSecond }]
      }),
    // Names outlive links, so that a message can still say who left.
    nameOf: (peer) => names.get(peer) ?? `node ${peer.slice(0, 4)}`,
    learn(peer, capabilities) {
      known.set(peer, capabilities)
      names.set(peer, capabilities.name)
    },
    forget: (peer) => void known.delete(peer),
    holderOf(modelId) {
      for (const { id, link } of swarm.peers()) {
        const model = link === 'open' ? known.get(id)?.models.find((offered) => offered.id === modelId) : undefined
        if (model) return { peer: id, fingerprint: model.fingerprint }
      }
      return undefined
    },
  }
}
