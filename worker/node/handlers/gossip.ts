// Handlers of the gossip family.

import type { Gossip } from '../../net/gossip.ts'
import type { Swarm } from '../../net/swarm.ts'

export function handleGossip(swarm: Swarm, gossip: Gossip): void {
  swarm.handle('GOSSIP_SUBSCRIBE', gossip.onSubscribe)
  swarm.handle('GOSSIP_UNSUBSCRIBE', gossip.onUnsubscribe)
  swarm.handle('GOSSIP_GRAFT', gossip.onGraft)
  swarm.handle('GOSSIP_PRUNE', gossip.onPrune)
  swarm.handle('GOSSIP_PUBLISH', gossip.onPublish)
  swarm.handle('GOSSIP_IHAVE', gossip.onIHave)
  swarm.handle('GOSSIP_IWANT', gossip.onIWant)
  swarm.handle('GOSSIP_IDONTWANT', gossip.onIDontWant)
  swarm.onPeerOpen(gossip.onPeerOpen)
  swarm.onPeerInterrupted(gossip.onPeerInterrupted)
  swarm.onPeerLost(gossip.onPeerLost)
}
