// How a part of the node says something to its whole room: as news, or, where this node said much of late, to those it is
// linked with.

import { errorCode } from '#core/errors.ts'
import type { NewsName } from '#core/gossip/news.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Gossip } from '../net/gossip.ts'
import type { Swarm } from '../net/swarm.ts'

export interface RoomVoice {
  tell<Name extends NewsName>(name: Name, body: BodyOf<Name>): Promise<void>
  /** To one node, which may have left meanwhile. */
  readonly trySend: Swarm['send']
  /** Nodes with an open link. */
  linked(): readonly string[]
}

export function createRoomVoice(
  topic: string,
  gossip: Pick<Gossip, 'publish'>,
  swarm: Pick<Swarm, 'send' | 'peers'>,
): RoomVoice {
  const voice: RoomVoice = {
    async tell(name, body) {
      try {
        await gossip.publish(topic, name, body)
      } catch (error) {
        if (errorCode(error) !== 'RATE_LIMITED') throw error
        for (const peer of voice.linked()) voice.trySend(peer, name, body)
      }
    },
    trySend(peer, name, body, tail) {
      try {
        swarm.send(peer, name, body, tail)
      } catch {
        // It left meanwhile.
      }
    },
    linked: () => swarm.peers().flatMap(({ id, link }) => (link === 'open' ? [id] : [])),
  }
  return voice
}
