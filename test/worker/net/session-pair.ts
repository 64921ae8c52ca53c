// Two open sessions over one memory link, and what each of them was told.

import { createMemoryLink, type MemoryLink, type MemoryLinkOptions } from '../../../worker/net/memory-channel.ts'
import { createSession, type PeerMessage, type Session, type SessionEnd } from '../../../worker/net/session.ts'
import type { FakeClock } from './fake-clock.ts'
import { createRandom, createTrackedIdentity, createTrackedVerifier } from './simulation.ts'

export interface SessionSide {
  readonly session: Session
  readonly messages: PeerMessage[]
  end: SessionEnd | null
}

const IDENTITIES = [await createTrackedIdentity(1), await createTrackedIdentity(2)] as const
const VERIFIER = await createTrackedVerifier()

export function connectSessions(
  clock: FakeClock,
  options: MemoryLinkOptions & {
    readonly onMessage?: (side: 0 | 1, message: PeerMessage) => void
    readonly onOpen?: (side: 0 | 1) => void
    readonly onEnd?: (side: 0 | 1, end: SessionEnd) => void
    /** Sees each message that the first side gives its channel, before it goes. */
    readonly onChannelSend?: (message: Uint8Array) => void
  } = {},
): { readonly link: MemoryLink; readonly sides: readonly [SessionSide, SessionSide] } {
  const link = createMemoryLink(options)
  const { send } = link.ends[0]
  link.ends[0].send = (message) => {
    options.onChannelSend?.(message)
    send(message)
  }
  const make = (index: 0 | 1): SessionSide => {
    const messages: PeerMessage[] = []
    const side: SessionSide = {
      messages,
      end: null,
      session: createSession({
        channel: link.ends[index],
        identity: IDENTITIES[index],
        remoteKey: IDENTITIES[index === 0 ? 1 : 0].publicKey,
        initiator: index === 0,
        localFingerprint: new Uint8Array(32).fill(index),
        remoteFingerprint: new Uint8Array(32).fill(1 - index),
        room: null,
        random: createRandom(index + 1),
        verifier: VERIFIER,
        clock,
        events: {
          onOpen: () => options.onOpen?.(index),
          onMessage(message) {
            messages.push(message)
            options.onMessage?.(index, message)
          },
          onPassedOn: () => undefined,
          onRefused: () => undefined,
          onStalled: () => undefined,
          onEnd(end) {
            side.end = end
            options.onEnd?.(index, end)
          },
        },
      }),
    }
    return side
  }
  return { link, sides: [make(0), make(1)] }
}
