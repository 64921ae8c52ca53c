// Handlers of the content family.

import type { Swarm } from '../../net/swarm.ts'
import type { ContentExchange } from '../content-exchange.ts'

export function handleContent(swarm: Swarm, contents: ContentExchange): void {
  swarm.handle('CONTENT_MANIFEST_REQUEST', (peer, body) => contents.onManifestRequest(peer, body))
  swarm.handle('CONTENT_MANIFEST', (peer, body, leaves) => contents.onManifest(peer, body, leaves))
  swarm.handle('CONTENT_BITFIELD', (peer, body) => contents.onBitfield(peer, body))
  swarm.handle('CONTENT_HAVE', (peer, body) => contents.onHave(peer, body))
  swarm.handle('CONTENT_REQUEST', (peer, body) => contents.onRequest(peer, body))
  swarm.handle('CONTENT_CHUNK', (peer, body, bytes) => contents.onChunk(peer, body, bytes))
  swarm.handle('CONTENT_CANCEL', (peer, body) => contents.onCancel(peer, body))
  swarm.handle('CONTENT_UNAVAILABLE', (peer, body) => contents.onUnavailable(peer, body))
  swarm.onPeerOpen((peer) => contents.onPeerOpen(peer))
  swarm.onPeerInterrupted((peer, interrupted) => contents.onPeerInterrupted(peer, interrupted))
  swarm.onPeerLost((peer) => contents.onPeerLost(peer))
}
