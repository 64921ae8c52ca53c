// Handlers of the peer family: what nodes say of themselves and of others.

import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../../net/swarm.ts'
import type { PeerExchange } from '../peer-exchange.ts'

export function handlePeer(
  swarm: Swarm,
  exchange: PeerExchange,
  onCapabilities: (peer: string, body: BodyOf<'PEER_CAPABILITIES'>) => void,
): void {
  swarm.handle('PEER_CAPABILITIES', onCapabilities)
  swarm.handle('PEER_RECORD', (peer, body) => exchange.onRecord(peer, body))
  swarm.handle('PEER_EXCHANGE', (peer, { peers }) => exchange.onExchange(peer, peers))
  swarm.handle('PEER_QUERY', (peer, body) => exchange.onQuery(peer, body))
  swarm.handle('PEER_RESULTS', (peer, body) => exchange.onResults(peer, body))
  swarm.handle('PEER_LOAD', (peer, load) => exchange.onLoad(peer, load))
  swarm.handle('PEER_REACHABILITY', (peer, { links }) => exchange.onReachability(peer, links))
}
