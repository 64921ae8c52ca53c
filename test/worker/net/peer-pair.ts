// Two nodes of which each sees one peer, as a swarm shows it, over real sessions whose link the test makes and cuts.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { createHandlerTable } from '../../../worker/net/handler-table.ts'
import { createListeners } from '../../../worker/net/listeners.ts'
import type { MemoryLink, MemoryLinkOptions } from '../../../worker/net/memory-channel.ts'
import type { StreamPeers } from '../../../worker/net/streams.ts'
import type { FakeClock } from './fake-clock.ts'
import { connectSessions, type SessionSide } from './session-pair.ts'

export const PEER = ['ben', 'ada'] as const

export interface PeerPair {
  /** Ada, whose peer is called ben, and Ben, whose peer is called ada. */
  readonly ends: readonly [StreamPeers, StreamPeers]
  /** What handlers threw. */
  readonly faults: string[]
  connect(): void
  /** At once, with all that was on its way. */
  cut(): void
  link(): MemoryLink | null
  waitingBytes(side: 0 | 1): number
}

export function createPeerPair(clock: FakeClock, options: MemoryLinkOptions = {}): PeerPair {
  let current: { link: MemoryLink; sides: readonly [SessionSide, SessionSide] } | null = null
  const faults: string[] = []
  const make = (side: 0 | 1) => {
    const table = createHandlerTable()
    const open = createListeners<[string]>()
    const lost = createListeners<[string]>()
    const session = () => {
      const found = current?.sides[side].session
      if (found?.state !== 'open') throw new CentramError('PEER_LEFT', 'There is no open link.')
      return found
    }
    const view: StreamPeers = {
      send: (_peer, name, body, tail) => session().send(name, body, tail),
      drained: async () => session().drained(),
      handle: table.set,
      onPeerOpen: open.add,
      onPeerLost: lost.add,
      onBulkLost: () => () => undefined,
    }
    return { table, open, lost, view }
  }
  const nodes = [make(0), make(1)] as const
  return {
    ends: [nodes[0].view, nodes[1].view],
    faults,
    connect() {
      const made = connectSessions(clock, {
        ...options,
        onOpen: (side) => nodes[side].open.call(PEER[side]),
        onEnd(side) {
          if (current === made) current = null
          nodes[side].lost.call(PEER[side])
        },
        onMessage(side, message) {
          try {
            void nodes[side].table.call(PEER[side], message)
          } catch (error) {
            faults.push(`${message.name}: ${errorCode(error)} ${errorMessage(error)}`)
          }
        },
      })
      current = made
    },
    cut: () => current?.link.cut('cut'),
    link: () => current?.link ?? null,
    waitingBytes: (side) => current?.sides[side].session.waitingBytes ?? 0,
  }
}
