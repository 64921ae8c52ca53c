// One connection of a node to the signalling server: challenge, registration, room, and the relaying of its signals.

import type { Clock, Timer } from '#core/clock.ts'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { roomId, roomProofMessage } from '#core/crypto/room.ts'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { admitHeader, openFrame, openSelfSigned, type Message } from '#core/protocol/codec.ts'
import { PROTOCOL_VERSION } from '#core/protocol/frame.ts'
import { createInbox } from '#core/protocol/inbox.ts'
import { createOutbox } from '#core/protocol/outbox.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import { createReceiver } from '#core/protocol/receiver.ts'
import type { BodyOf, MessageName } from '#core/protocol/registry.ts'
import { serverTranscript, sessionIdOf } from '#core/protocol/transcript.ts'
import type { SignallingLimits } from './limits.ts'
import { newCaller, type Turns } from './turns.ts'

/** The part of a WebSocket that is used. The caller closes it for text messages and hands binary ones on. */
export interface SignalSocket {
  send(bytes: Uint8Array): void
  close(reason: string): void
  onMessage(listener: (bytes: Uint8Array) => void): void
  onClose(listener: () => void): void
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedBytes: number
  /** Reads nothing for so long, so that a sender in a hurry waits at its own end; `Infinity` for good. */
  pause?(milliseconds: number): void
}

/** A registered node, as the rooms see it. */
export interface Member {
  /** Public key, hex. */
  readonly id: string
  readonly key: Uint8Array
  readonly incarnation: Uint8Array
  name: string
  /** Of the room it is in, hex. */
  room: string | null
  /** Whom it shares a network with. */
  readonly network: string
  /** Whether those may be told of it. */
  nearby: boolean
  send<Name extends MessageName>(name: Name, body: BodyOf<Name>): void
  /** Passes on a frame that another node signed. */
  relay(frame: Uint8Array): void
  end(reason: BodyOf<'SESSION_GOODBYE'>['reason']): void
}

/** What a connection asks of the rooms. */
export interface Rooms {
  register(member: Member): void
  unregister(member: Member): void
  /** Throws `NO_CAPACITY`. */
  enter(member: Member, room: Uint8Array): void
  rename(member: Member): void
  leave(member: Member): void
  /** Lets others on its network be told of it, or no longer; also after a new name. */
  showNearby(member: Member, nearby: boolean): void
  /** The node of that key in the same room, or on the same network where both let it be told; at whichever process. */
  companion(member: Member, key: Uint8Array): Pick<Member, 'relay'> | undefined
}

export interface ConnectionOptions {
  readonly socket: SignalSocket
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly limits: SignallingLimits
  /** Whom the connection shares a network with. */
  readonly network: string
  /** Shared by all connections of one address. */
  readonly addressBucket: TokenBucket
  readonly rooms: Rooms
  /** In which verifications run; at once without. */
  readonly turns?: Turns | undefined
  /** Leave to use this server's TURN relays, for the node of that key (hex); absent where there are none. */
  readonly grantRelay?: ((node: string) => BodyOf<'SIGNAL_RELAY'>['grant']) | undefined
  readonly onClosed: () => void
  /** It is thrown out, for flooding or for what no node says. */
  readonly onRefused: () => void
}

const RELAYED: ReadonlySet<string> = new Set(['SIGNAL_DESCRIPTION', 'SIGNAL_CANDIDATE'])
/** One notice at most in this time, however much is dropped. */
const THROTTLED_EVERY_MS = 1000
const NO_SESSION = new Uint8Array(16)
/** Who sends too fast is not read for this long, and twice as long each time after, up to the longest. */
const FIRST_PAUSE_MS = 1_000
const LAST_PAUSE_MS = 8_000

export function serveConnection(options: ConnectionOptions): { close(reason: string): void } {
  const { socket, identity, verifier, clock, limits, rooms } = options
  const bucket = createTokenBucket(limits.connectionRate, clock.now())
  let lastHeard = clock.now()
  const caller = newCaller(clock.now())
  let dropped = 0
  let lastDrop = 0
  let pauseMs = FIRST_PAUSE_MS
  let pausedUntil = 0
  let nextNotice = 0
  let member: Member | null = null
  let transcript: Uint8Array | null = null
  let challengeFrame: Uint8Array | null = null
  const nonce = options.random(32)
  let closed = false
  let timer: Timer

  // Gaps: what is dropped for coming too fast is missing in the sequence. The rate is kept by the buckets here.
  const receiver = createReceiver('challenged', {
    directions: ['any', 'to-server'],
    allow: () => true,
    order: 'higher',
  })
  const outbox = createOutbox({
    identity,
    maxWaitingBytes: limits.maxWaitingBytes,
    write: (frame) => {
      challengeFrame ??= frame
      write(frame)
    },
    onFail: (error) => close(errorMessage(error)),
  })

  const write = (frame: Uint8Array) => {
    if (closed) return
    // A socket that does not read keeps nothing of ours alive.
    if (socket.bufferedBytes > limits.maxWaitingBytes) close('it does not read what it is sent')
    else socket.send(frame)
  }
  const close = (reason: string) => {
    if (closed) return
    closed = true
    inbox.stop()
    outbox.stop()
    clock.clearTimeout(timer)
    if (member !== null) rooms.unregister(member)
    socket.close(reason)
    options.onClosed()
  }
  const closeAfterFlush = (reason: string) => void outbox.flushed().then(() => close(reason))
  const refuse = (error: unknown, about: number | null) => {
    if (closed) return
    const message = errorMessage(error)
    inbox.stop()
    socket.pause?.(Number.POSITIVE_INFINITY)
    options.onRefused()
    trySend('SESSION_ERROR', { code: errorCode(error), message: message.slice(0, 512), about, fatal: true })
    closeAfterFlush(message)
  }
  const trySend = <Name extends MessageName>(name: Name, body: BodyOf<Name>) => {
    if (closed) return
    try {
      outbox.send(name, body)
    } catch (error) {
      close(errorMessage(error))
    }
  }

  /** In line behind what this server says: a node drops signals of those whom it was not told of yet. */
  const passOn = (frame: Uint8Array<ArrayBuffer>) => {
    if (closed) return
    try {
      outbox.pass(frame)
    } catch (error) {
      close(errorMessage(error))
    }
  }

  const register = (message: Message, frame: Uint8Array) => {
    if (message.name !== 'SIGNAL_REGISTER' || challengeFrame === null) {
      throw violation(`a ${message.name} came before registration`)
    }
    const { body } = message
    if (!equalBytes(body.challenge, nonce) || !equalBytes(body.server, identity.publicKey)) {
      throw violation('the registration answers another challenge')
    }
    if (body.version !== PROTOCOL_VERSION) {
      throw new CentramError(
        'VERSION_UNSUPPORTED',
        `Protocol version ${body.version} is not spoken here, only ${PROTOCOL_VERSION}: reload the page.`,
      )
    }
    transcript = serverTranscript(challengeFrame, frame)
    const session = sessionIdOf(transcript)
    receiver.begin(session)
    receiver.state = 'registered'
    outbox.begin(session)
    member = {
      id: toHex(body.key),
      key: body.key,
      incarnation: body.incarnation,
      name: '',
      room: null,
      network: options.network,
      nearby: false,
      send: trySend,
      relay: passOn,
      end(reason) {
        trySend('SESSION_GOODBYE', { reason, resume: null })
        closeAfterFlush(reason)
      },
    }
    rooms.register(member)
  }

  const joinRoom = async (self: Member, body: BodyOf<'SIGNAL_ROOM_JOIN'>) => {
    self.name = body.name
    rooms.showNearby(self, body.nearby ?? false)
    if (body.room === null) {
      rooms.leave(self)
      return
    }
    const { id, key, proof } = body.room
    const claim = roomProofMessage(transcript ?? NO_SESSION, self.key)
    if (!equalBytes(roomId(key), id) || !(await inTurn(() => verifier(key, claim, proof)))) {
      throw violation('the room’s secret was not proven')
    }
    if (closed) return
    if (self.room === toHex(id)) {
      rooms.rename(self)
      return
    }
    try {
      rooms.enter(self, id)
    } catch (error) {
      trySend('SESSION_ERROR', { code: errorCode(error), message: errorMessage(error), about: null, fatal: false })
    }
  }

  const relay = async (self: Member, frame: Uint8Array) => {
    // Verified here too, so that a node can be held to what it sends; the receiver does not rely on it.
    const message = await inTurn(() => openFrame(frame, self.key, verifier))
    if (message.name !== 'SIGNAL_DESCRIPTION' && message.name !== 'SIGNAL_CANDIDATE') return
    if (!equalBytes(message.body.from, self.key)) throw violation('a signal claims another sender')
    // The addressee may have left a moment ago; that is nobody's fault.
    rooms.companion(self, message.body.to)?.relay(frame)
  }

  const process = async (frame: Uint8Array) => {
    const { header, definition } = admitHeader(frame)
    if (member !== null && RELAYED.has(definition.name)) {
      await relay(member, frame)
      return
    }
    receiver.check(header, definition)
    if (member === null) {
      const message = await inTurn(() =>
        openSelfSigned(frame, (claim) => (claim.name === 'SIGNAL_REGISTER' ? claim.body.key : undefined), verifier),
      )
      if (!closed) register(message, frame)
      return
    }
    const { key } = member
    const message = await inTurn(() => openFrame(frame, key, verifier))
    if (closed) return
    receiver.accept(header)
    switch (message.name) {
      case 'SIGNAL_ROOM_JOIN':
        await joinRoom(member, message.body)
        break
      case 'SESSION_PING':
        trySend('SESSION_PONG', { ping: message.body.ping })
        break
      case 'SESSION_GOODBYE':
        close('goodbye')
        break
      case 'SESSION_ERROR':
        if (message.body.fatal) close(message.body.message)
        break
      default:
        if (message.name === 'SIGNAL_RELAY' && options.grantRelay) {
          trySend('SIGNAL_RELAY', { grant: options.grantRelay(member.id) })
        } else if (definition.family === 'signal') {
          trySend('SESSION_ERROR', {
            code: 'NOT_OFFERED',
            message: `This server does not offer ${message.name}.`,
            about: header.type,
            fatal: false,
          })
        }
    }
  }

  const { turns } = options
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => (turns ? turns.take(caller, work) : work())

  const inbox = createInbox({
    maxWaitingBytes: limits.maxWaitingBytes,
    process,
    onFail: (error) => refuse(error, null),
  })

  socket.onMessage((bytes) => {
    if (closed) return
    const now = clock.now()
    lastHeard = now
    if (bytes.length > limits.maxFrameBytes) {
      refuse(new CentramError('FRAME_TOO_LARGE', `A frame may have ${limits.maxFrameBytes} bytes at most.`), null)
      return
    }
    const most = limits.maxWaitingFrames[options.turns?.isBusy ? 'busy' : 'quiet']
    const isFast = inbox.waiting >= most || !bucket.take(now)
    const limit = isFast ? 'connection' : !options.addressBucket.take(now) ? 'address' : null
    if (limit === null) {
      inbox.push(bytes)
      return
    }
    if (now - lastDrop > limits.forgiveMs) {
      dropped = 0
      pauseMs = FIRST_PAUSE_MS
    }
    lastDrop = now
    dropped++
    // What others of its address sent is not its fault.
    if (limit === 'connection' && now >= pausedUntil) {
      pausedUntil = now + pauseMs
      socket.pause?.(pauseMs)
      pauseMs = Math.min(LAST_PAUSE_MS, 2 * pauseMs)
    }
    if (dropped > limits.maxDropped) {
      refuse(new CentramError('RATE_LIMITED', 'Messages kept coming too fast.'), null)
    } else if (now >= nextNotice) {
      nextNotice = now + THROTTLED_EVERY_MS
      trySend('SIGNAL_THROTTLED', {
        limit,
        retryMs: (limit === 'connection' ? bucket : options.addressBucket).wait(now),
      })
    }
  })
  socket.onClose(() => close('closed by the node'))

  const sweep = () => {
    const now = clock.now()
    const patience = member === null ? limits.registerTimeoutMs : limits.silenceMs
    if (now - lastHeard >= patience) close('silent for too long')
    else timer = clock.setTimeout(sweep, Math.max(1000, lastHeard + patience - now))
  }
  timer = clock.setTimeout(sweep, limits.registerTimeoutMs)
  outbox.send('SIGNAL_CHALLENGE', { versions: [PROTOCOL_VERSION], key: identity.publicKey, nonce })

  return { close }
}

function violation(what: string): CentramError {
  return new CentramError('PROTOCOL_VIOLATION', `Refused by the signalling server: ${what}.`)
}
