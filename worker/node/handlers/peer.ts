// Handlers of the peer family.

import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../../net/swarm.ts'

export function handlePeer(
  swarm: Swarm,
  onCapabilities: (peer: string, body: BodyOf<'PEER_CAPABILITIES'>) => void,
): void {
  swarm.handle('PEER_CAPABILITIES', onCapabilities)
}
