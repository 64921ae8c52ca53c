// The connection to the signalling server: registers the node's key, enters a room, passes signals of other nodes on, and
// comes back by itself when the server was away. What other nodes signed is handed out unread.

import type { Clock, Timer } from '#core/clock.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import type { RoomKeys } from '#core/crypto/room.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import {
  admitHeader,
  openFrame,
  openSelfSigned,
  prepareMessage,
  sealFrame,
  type Message,
} from '#core/protocol/codec.ts'
import { PROTOCOL_VERSION } from '#core/protocol/frame.ts'
import { createInbox, type Inbox } from '#core/protocol/inbox.ts'
import { createOutbox, type Outbox } from '#core/protocol/outbox.ts'
import { createRateLimiter } from '#core/protocol/rates.ts'
import { createReceiver } from '#core/protocol/receiver.ts'
import { messageOfType } from '#core/protocol/registry.ts'
import { serverTranscript, sessionIdOf } from '#core/protocol/transcript.ts'
import type { RoomMember, WayState } from './introducer.ts'
import { createRelayGrants, type RelayGrant } from './relay-grants.ts'

const CONNECT_TIMEOUT_MS = 10_000
const PING_INTERVAL_MS = 15_000
const PONG_TIMEOUT_MS = 10_000
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 15_000
const MAX_FRAME_BYTES = 64 * 1024
const MAX_WAITING_BYTES = 1024 * 1024
const NO_SESSION = new Uint8Array(16)

/** A WebSocket as seen from here. Events arrive after the factory has returned. */
export interface Socket {
  send(bytes: Uint8Array): void
  close(): void
}

export interface SocketEvents {
  onOpen(): void
  onMessage(bytes: Uint8Array): void
  onClose(reason: string): void
}

export type SocketFactory = (url: string, events: SocketEvents) => Socket

export interface SignallingClientOptions {
  readonly url: string
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly connect: SocketFactory
  /** 16 bytes, new at every start of the node. */
  readonly incarnation: Uint8Array
  readonly onState: (state: WayState, reason?: string) => void
  readonly onRoom: (room: Uint8Array, members: readonly RoomMember[]) => void
  /** Who else is on the same network and lets it be told. */
  readonly onNearby?: (members: readonly RoomMember[]) => void
  /** A DESCRIPTION or CANDIDATE as it came; whoever takes it verifies it. */
  readonly onRelayed: (frame: Uint8Array) => void
  /** The server refused something but the connection goes on (a full room). */
  readonly onRefused: (error: CentramError) => void
  /** The server lends its TURN relays. */
  readonly onRelay?: ((grant: RelayGrant, url: string) => void) | undefined
}

export interface SignallingClient {
  readonly state: WayState
  /** Enters a room under a name, now and after every reconnection; null leaves it. */
  enter(room: RoomKeys | null, name: string): void
  /** Whether others on the same network may be told of this node, and it of them. */
  showNearby(on: boolean): void
  /** Sends a signed signal; false when there is no connection. */
  relay(frame: Uint8Array): boolean
  /** Tries at once instead of after the present pause. */
  retry(): void
  close(): void
}

/** One attempt, from the socket to its end. */
interface Connection {
  readonly socket: Socket
  readonly inbox: Inbox
  readonly outbox: Outbox
  transcript: Uint8Array | null
  timer: Timer
}

export function createSignallingClient(options: SignallingClientOptions): SignallingClient {
  const { clock, identity, verifier } = options
  let state: WayState = 'connecting'
  let connection: Connection | null = null
  let room: RoomKeys | null = null
  let name = ''
  let entered = false
  let nearby = false
  let attempts = 0
  let retryTimer: Timer | null = null
  let finished = false

  const setState = (value: WayState, reason?: string) => {
    state = value
    options.onState(value, reason)
  }

  const sendRoom = (to: Connection) => {
    if (to.transcript === null || !entered) return
    to.outbox.send('SIGNAL_ROOM_JOIN', {
      name,
      room:
        room === null
          ? null
          : { id: room.id, key: room.publicKey, proof: room.prove(to.transcript, identity.publicKey) },
      ...(nearby && { nearby }),
    })
  }

  const connect = () => {
    retryTimer = null
    setState('connecting')
    const receiver = createReceiver('challenged', { directions: ['any', 'from-server'], allow: createAllow(clock) })
    const relays = createRelayGrants({
      clock,
      ask: () => send(() => self.outbox.send('SIGNAL_RELAY', { grant: null })),
      onGrant: (grant) => options.onRelay?.(grant, options.url),
    })
    let serverKey: Uint8Array | null = null
    let pings = 0

    const drop = (reason: string, again = true) => {
      if (connection !== self) return
      connection = null
      clock.clearTimeout(self.timer)
      relays.stop()
      self.inbox.stop()
      self.outbox.stop()
      self.socket.close()
      if (!again) finished = true
      setState('closed', reason)
      if (finished) return
      const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts++)
      // Spread over half to all of the pause, so that a restarted server is not met by everyone at once.
      const share = 0.5 + (options.random(1)[0] as number) / 512
      retryTimer = clock.setTimeout(connect, pause * share)
    }

    const ping = () => {
      send(() => self.outbox.send('SESSION_PING', { ping: pings++ >>> 0 }))
      self.timer = clock.setTimeout(() => drop('the server does not answer'), PONG_TIMEOUT_MS)
    }
    const alive = () => {
      clock.clearTimeout(self.timer)
      self.timer = clock.setTimeout(ping, PING_INTERVAL_MS)
      if (state === 'open') return
      attempts = 0
      setState('open')
    }
    const send = (action: () => void) => {
      try {
        action()
      } catch (error) {
        drop(errorMessage(error))
      }
    }

    const register = async (message: Message, challenge: Uint8Array) => {
      if (message.name !== 'SIGNAL_CHALLENGE') return
      if (!message.body.versions.includes(PROTOCOL_VERSION)) {
        throw new CentramError(
          'VERSION_UNSUPPORTED',
          `The server speaks protocol versions ${message.body.versions.join(', ')}, this page only ` +
            `${PROTOCOL_VERSION}: reload the page.`,
        )
      }
      const key = message.body.key
      const body = {
        version: PROTOCOL_VERSION,
        key: identity.publicKey,
        server: key,
        challenge: message.body.nonce,
        nonce: options.random(32),
        incarnation: options.incarnation,
      }
      const frame = await sealFrame(prepareMessage('SIGNAL_REGISTER', body, undefined), identity, NO_SESSION, 0)
      if (connection !== self) return
      self.socket.send(frame)
      serverKey = key
      self.transcript = serverTranscript(challenge, frame)
      const session = sessionIdOf(self.transcript)
      receiver.begin(session)
      receiver.state = 'registered'
      self.outbox.begin(session)
      sendRoom(self)
      relays.ask()
      clock.clearTimeout(self.timer)
      ping()
    }

    const process = async (frame: Uint8Array) => {
      const { header, definition } = admitHeader(frame)
      if (definition.states.includes('relayed')) {
        options.onRelayed(frame)
        return
      }
      receiver.check(header, definition)
      if (serverKey === null) {
        const message = await openSelfSigned(
          frame,
          (claim) => (claim.name === 'SIGNAL_CHALLENGE' ? claim.body.key : undefined),
          verifier,
        )
        if (connection === self) await register(message, frame)
        return
      }
      const message = await openFrame(frame, serverKey, verifier)
      if (connection !== self) return
      receiver.accept(header)
      switch (message.name) {
        case 'SESSION_PING':
          send(() => self.outbox.send('SESSION_PONG', { ping: message.body.ping }))
          break
        case 'SIGNAL_ROOM_STATE':
          if (message.body.room.every((byte) => byte === 0)) options.onNearby?.(message.body.members)
          else if (room !== null && equalBytes(message.body.room, room.id)) {
            options.onRoom(message.body.room, message.body.members)
          }
          break
        case 'SIGNAL_RELAY':
          relays.take(message.body.grant)
          break
        case 'SIGNAL_THROTTLED':
          // What was dropped may have been the room or the question for relays; asking twice does no harm.
          clock.setTimeout(() => {
            if (connection !== self) return
            send(() => sendRoom(self))
            relays.ask()
          }, message.body.retryMs)
          break
        case 'SESSION_GOODBYE':
          if (message.body.reason === 'replaced') {
            drop('this node was opened a second time elsewhere; that one is connected now', false)
          } else drop('the server is stopping')
          return
        case 'SESSION_ERROR':
          if (message.body.fatal) drop(`refused by the server: ${message.body.message}`)
          // A server without relays refuses the question; that is no failure.
          else if (messageOfType(message.body.about ?? 0)?.name !== 'SIGNAL_RELAY') {
            options.onRefused(new CentramError('PEER_REFUSED', message.body.message))
          }
          break
        default:
      }
      if (connection === self) alive()
    }

    const events: SocketEvents = {
      onOpen: () => undefined,
      onMessage(bytes) {
        if (connection !== self) return
        if (bytes.length > MAX_FRAME_BYTES) drop('the server sent a message that is too large')
        else self.inbox.push(bytes)
      },
      // What came before is still taken in: a goodbye says more than a closed socket.
      onClose: (reason) => void self.inbox.idle().then(() => drop(reason)),
    }
    const self: Connection = {
      socket: openSocket(options.connect, options.url, events),
      transcript: null,
      inbox: createInbox({
        process,
        maxWaitingBytes: MAX_WAITING_BYTES,
        onFail: (error) => drop(errorMessage(error)),
      }),
      outbox: createOutbox({
        identity,
        write: (frame) => self.socket.send(frame),
        maxWaitingBytes: MAX_WAITING_BYTES,
        onFail: (error) => drop(errorMessage(error)),
      }),
      timer: clock.setTimeout(() => drop('no answer in 10 seconds'), CONNECT_TIMEOUT_MS),
    }
    connection = self
  }
  connect()

  return {
    get state() {
      return state
    },
    enter(value, as) {
      room = value
      name = as
      entered = true
      if (connection !== null) sendRoom(connection)
    },
    showNearby(on) {
      if (nearby === on) return
      nearby = on
      entered = true
      if (connection !== null) sendRoom(connection)
    },
    relay(frame) {
      if (connection === null || connection.transcript === null) return false
      try {
        connection.socket.send(frame)
      } catch {
        return false
      }
      return true
    },
    retry() {
      if (retryTimer === null || finished) return
      clock.clearTimeout(retryTimer)
      connect()
    },
    close() {
      finished = true
      if (retryTimer !== null) clock.clearTimeout(retryTimer)
      const open = connection
      connection = null
      if (open === null) return
      clock.clearTimeout(open.timer)
      open.inbox.stop()
      if (open.transcript !== null) open.outbox.send('SESSION_GOODBYE', { reason: 'leaving', resume: null })
      void open.outbox.flushed().then(() => {
        open.outbox.stop()
        open.socket.close()
      })
    },
  }
}

function createAllow(clock: Clock) {
  const allow = createRateLimiter(clock.now())
  return (rate: Parameters<typeof allow>[0]) => allow(rate, clock.now())
}

/** A factory that throws (a malformed address) ends as a socket that closed. */
function openSocket(connect: SocketFactory, url: string, events: SocketEvents): Socket {
  try {
    return connect(url, events)
  } catch (error) {
    void Promise.resolve().then(() => events.onClose(errorMessage(error)))
    return { send: () => undefined, close: () => undefined }
  }
}
