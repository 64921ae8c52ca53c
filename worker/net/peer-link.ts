// One attempt to reach one peer: its signals through the server, the channel they lead to, and the session over it.

import type { Clock, Timer } from '#core/clock.ts'
import { toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import type { RoomKeys } from '#core/crypto/room.ts'
import { errorMessage } from '#core/errors.ts'
import { createOutbox } from '#core/protocol/outbox.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { LinkPath, LinkSignal, LinkState, LinkTransport, OpenedLink } from './link-transport.ts'
import { createSession, type PeerMessage, type PeerRefusal, type Session, type SessionEnd } from './session.ts'

/** From the first signal to an open session. */
const CONNECT_TIMEOUT_MS = 20_000
/** An interrupted link gets this long to heal by itself before ICE is restarted, and again between restarts. */
const FIRST_RESTART_MS = 2_000
const RESTART_EVERY_MS = 5_000
/** How long the channel may take to bring the goodbye over before the connection under it goes. */
const LINGER_MS = 1_000
const MAX_WAITING_SIGNALS_BYTES = 256 * 1024

export interface PeerLinkOptions {
  /** 16 bytes that name it on both sides. */
  readonly id: Uint8Array
  readonly remoteKey: Uint8Array
  readonly polite: boolean
  /** Null for a link that needs no room (pairing). */
  readonly room: RoomKeys | null
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  /** Throws for a key that no session may begin with. */
  readonly requireKey?: ((key: Uint8Array) => void) | undefined
  readonly transport: LinkTransport
  /** Sends a signed signal frame by way of the server. */
  readonly relay: (frame: Uint8Array) => void
  readonly events: PeerLinkEvents
}

export interface PeerLinkEvents {
  onOpen(): void
  onMessage(message: PeerMessage): void
  /** A signal of some node that the peer hands over; unverified. */
  onPassedOn(frame: Uint8Array<ArrayBuffer>): void
  onRefused(refusal: PeerRefusal): void
  /** Interrupted or silent, or back again. */
  onInterrupted(interrupted: boolean): void
  /** Once; `wasOpen` tells a lost peer from one that was never reached. */
  onEnd(end: SessionEnd, wasOpen: boolean): void
}

export interface PeerLink {
  readonly id: Uint8Array
  /** The transport's name for it. */
  readonly name: string
  readonly state: 'connecting' | 'open' | 'interrupted' | 'ended'
  readonly session: Session | null
  /** Sequence of the last signal of the peer's that was taken; -1 before the first. */
  lastSignal: number
  /** As the transport last told; null before. */
  path: LinkPath | null
  signalFromPeer(signal: LinkSignal): void
  signalToPeer(signal: LinkSignal): void
  opened(link: OpenedLink): void
  transportState(state: LinkState, reason: string | undefined): void
  /** Ends it from here: `reason` for the peer, if it still listens, and `end` for this side. */
  end(reason: BodyOf<'SESSION_GOODBYE'>['reason'], end: SessionEnd): void
}

export function createPeerLink(options: PeerLinkOptions): PeerLink {
  const { clock, transport, identity, remoteKey, events } = options
  const name = toHex(options.id)
  let session: Session | null = null
  let ended = false
  let interrupted = false
  let restartTimer: Timer | null = null

  const outbox = createOutbox({
    identity,
    write: options.relay,
    maxWaitingBytes: MAX_WAITING_SIGNALS_BYTES,
    onFail: (error) => finish({ code: 'LINK_FAILED', message: errorMessage(error), by: 'local' }),
  })
  outbox.begin(options.id)

  const finish = (end: SessionEnd) => {
    if (ended) return
    ended = true
    const wasOpen = session !== null && wasEverOpen
    clock.clearTimeout(connectTimer)
    if (restartTimer !== null) clock.clearTimeout(restartTimer)
    outbox.stop()
    clock.setTimeout(() => transport.close(name), LINGER_MS)
    events.onEnd(end, wasOpen)
  }
  let wasEverOpen = false

  const connectTimer = clock.setTimeout(() => {
    finish({ code: 'LINK_FAILED', message: 'No connection came about in 20 seconds.', by: 'local' })
    session?.end('leaving')
  }, CONNECT_TIMEOUT_MS)

  const update = () => {
    const now = (session?.stalled ?? false) || transportInterrupted
    if (now === interrupted || ended) return
    interrupted = now
    if (interrupted) restartTimer = clock.setTimeout(restart, FIRST_RESTART_MS)
    else if (restartTimer !== null) {
      clock.clearTimeout(restartTimer)
      restartTimer = null
    }
    if (wasEverOpen) events.onInterrupted(interrupted)
  }
  let transportInterrupted = false
  const restart = () => {
    transport.restartIce(name)
    restartTimer = clock.setTimeout(restart, RESTART_EVERY_MS)
  }

  transport.open(name, { polite: options.polite })

  return {
    id: options.id,
    name,
    lastSignal: -1,
    path: null,
    get state() {
      if (ended) return 'ended'
      return !wasEverOpen ? 'connecting' : interrupted ? 'interrupted' : 'open'
    },
    get session() {
      return session
    },
    signalFromPeer(signal) {
      if (!ended) transport.signal(name, signal)
    },
    signalToPeer(signal) {
      if (ended) return
      const ends = { from: identity.publicKey, to: remoteKey, link: options.id }
      try {
        if (signal.kind === 'description') {
          outbox.send('SIGNAL_DESCRIPTION', { ...ends, type: signal.type, sdp: signal.sdp, offer: signal.offer })
        } else {
          const { candidate, mid, line } = signal
          outbox.send('SIGNAL_CANDIDATE', { ...ends, candidate, mid, line })
        }
      } catch (error) {
        finish({ code: 'LINK_FAILED', message: errorMessage(error), by: 'local' })
      }
    },
    opened(link) {
      if (ended || session !== null) return
      session = createSession({
        channel: link.channel,
        localFingerprint: link.localFingerprint,
        remoteFingerprint: link.remoteFingerprint,
        initiator: !options.polite,
        identity,
        remoteKey,
        room: options.room,
        random: options.random,
        requireKey: options.requireKey,
        verifier: options.verifier,
        clock,
        events: {
          onOpen() {
            wasEverOpen = true
            clock.clearTimeout(connectTimer)
            events.onOpen()
          },
          onMessage(message) {
            if (!ended) events.onMessage(message)
          },
          onPassedOn(frame) {
            if (!ended) events.onPassedOn(frame)
          },
          onRefused(refusal) {
            if (!ended) events.onRefused(refusal)
          },
          onStalled: update,
          onEnd: finish,
        },
      })
    },
    transportState(state, reason) {
      if (ended) return
      transportInterrupted = state === 'interrupted'
      if (state !== 'closed') update()
      else if (session !== null) session.broken(reason ?? 'the connection failed')
      else finish({ code: 'LINK_FAILED', message: reason ?? 'The connection failed.', by: 'remote' })
    },
    end(reason, end) {
      if (ended) return
      finish(end)
      session?.end(reason)
    },
  }
}
