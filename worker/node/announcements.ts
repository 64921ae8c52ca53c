// What this node tells others of itself: its name, what its GPU offers, and the model it can answer with at once.

import type { Swarm } from '../net/swarm.ts'
import type { ActiveModel } from './active-model.ts'
import type { ModelLibrary } from './model-library.ts'
import type { StateStore } from './state.ts'

export interface Announcements {
  to(peer: string): void
  toAll(): void
}

export interface AnnouncementsOptions {
  readonly swarm: Pick<Swarm, 'send' | 'peers'>
  readonly store: Pick<StateStore, 'get'>
  readonly library: Pick<ModelLibrary, 'list'>
  readonly active: Pick<ActiveModel, 'current'>
  /** Whether it computes for others now. */
  helps(): boolean
}

export function createAnnouncements({ swarm, store, library, active, helps }: AnnouncementsOptions): Announcements {
  function to(peer: string): void {
    const { gpu, name } = store.get()
    const ready = helps() ? active.current() : null
    const model = ready && !ready.pipeline.broken() ? library.list().find(({ id }) => id === ready.modelId) : undefined
    const models = model && ready ? [{ id: model.id, title: model.title, fingerprint: ready.model.fingerprint }] : []
    const about =
      gpu.kind === 'ready'
        ? {
            light: false,
            gpu: gpu.description || `${gpu.vendor} ${gpu.architecture}`.trim(),
            // A GPU that offers nothing is one whose node rests.
            budgetBytes: helps() ? gpu.budgetBytes : 0,
            bytesPerSecond: helps() ? gpu.bytesPerSecond : 0,
          }
        : { light: true, gpu: '', budgetBytes: 0, bytesPerSecond: 0 }
    try {
      swarm.send(peer, 'PEER_CAPABILITIES', { name, ...about, models })
    } catch {
      // It left meanwhile.
    }
  }
  return {
    to,
    toAll() {
      for (const peer of swarm.peers()) if (peer.link === 'open') to(peer.id)
    },
  }
}
