// One connection of a node to the signalling server: challenge, registration, room, and the relaying of its signals.

import type { Clock, Timer } from '#core/clock.ts'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { roomId, verifyRoomProof } from '#core/crypto/room.ts'
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

/** The part of a WebSocket that is used. The caller closes it for text messages and hands binary ones on. */
export interface SignalSocket {
  send(bytes: Uint8Array): void
  close(reason: string): void
  onMessage(listener: (bytes: Uint8Array) => void): void
  onClose(listener: () => void): void
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedBytes: number
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
  /** The member of that key in the same room, if it is there. */
  companion(member: Member, key: Uint8Array): Member | undefined
}

export interface ConnectionOptions {
  readonly socket: SignalSocket
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly limits: SignallingLimits
  /** Shared by all connections of one address. */
  readonly addressBucket: TokenBucket
  readonly rooms: Rooms
  readonly onClosed: () => void
}

const RELAYED: ReadonlySet<string> = new Set(['SIGNAL_DESCRIPTION', 'SIGNAL_CANDIDATE'])
/** One notice at most in this time, however much is dropped. */
const THROTTLED_EVERY_MS = 1000
const NO_SESSION = new Uint8Array(16)

export function serveConnection(options: ConnectionOptions): { close(reason: string): void } {
  const { socket, identity, verifier, clock, limits, rooms } = options
  const bucket = createTokenBucket(limits.connectionRate, clock.now())
  let lastHeard = clock.now()
  let dropped = 0
  let lastDrop = 0
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
      send: trySend,
      relay: write,
      end(reason) {
        trySend('SESSION_GOODBYE', { reason, resume: null })
        closeAfterFlush(reason)
      },
    }
    rooms.register(member)
  }

  const joinRoom = (self: Member, body: BodyOf<'SIGNAL_ROOM_JOIN'>) => {
    self.name = body.name
    if (body.room === null) {
      rooms.leave(self)
      return
    }
    const { id, key, proof } = body.room
    const context = transcript ?? NO_SESSION
    if (!equalBytes(roomId(key), id) || !verifyRoomProof(key, context, self.key, proof)) {
      throw violation('the room’s secret was not proven')
    }
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
    const message = await openFrame(frame, self.key, verifier)
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
      const message = await openSelfSigned(
        frame,
        (claim) => (claim.name === 'SIGNAL_REGISTER' ? claim.body.key : undefined),
        verifier,
      )
      if (!closed) register(message, frame)
      return
    }
    const message = await openFrame(frame, member.key, verifier)
    if (closed) return
    receiver.accept(header)
    switch (message.name) {
      case 'SIGNAL_ROOM_JOIN':
        joinRoom(member, message.body)
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
        if (definition.family === 'signal') {
          trySend('SESSION_ERROR', {
            code: 'NOT_OFFERED',
            message: `This server does not offer ${message.name}.`,
            about: header.type,
            fatal: false,
          })
        }
    }
  }

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
    const limit = !bucket.take(now) ? 'connection' : !options.addressBucket.take(now) ? 'address' : null
    if (limit === null) {
      inbox.push(bytes)
      return
    }
    if (now - lastDrop > limits.forgiveMs) dropped = 0
    lastDrop = now
    dropped++
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
