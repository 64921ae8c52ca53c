// A session: signed frames over one channel to one peer, from the greeting to the goodbye. Frames are delivered in order,
// each verified first; a peer that breaks a rule gets a coded ERROR and the channel is closed.

import type { Clock, Timer } from '#core/clock.ts'
import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import { openFrame, admitHeader, type Message } from '#core/protocol/codec.ts'
import { createInbox } from '#core/protocol/inbox.ts'
import { createOutbox } from '#core/protocol/outbox.ts'
import { createRateLimiter, createTokenBucket } from '#core/protocol/rates.ts'
import { createReceiver } from '#core/protocol/receiver.ts'
import { typeByte, type MessageDefinition, type Priority } from '#core/protocol/message.ts'
import {
  messageNamed,
  messageOfType,
  type BodyOf,
  type MessageName,
  type PeerMessageName,
} from '#core/protocol/registry.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import type { Channel } from './channel.ts'
import { createBulkWindow } from './bulk-window.ts'
import { HIGH_WATER_BYTES } from './channel.ts'
import { createReassembler, fragmentFrame } from './framing.ts'
import { createHandshake, type HandshakeOptions, type HandshakeStep } from './handshake.ts'
import { createHeartbeat, type Heartbeat } from './heartbeat.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
const MAX_WAITING_BYTES = 64 * 1024 * 1024
/** Bulk that waits to be signed; above it `drained()` waits. Room for a few of the largest frames. */
const BULK_HIGH_WATER_BYTES = 512 * 1024
/** How long a goodbye may take to leave before the channel is closed under it. */
const GOODBYE_MS = 500
/** Signals that a peer may hand over or pass on for others: an offer and some ten candidates for each of 15 links at once. */
const PASSED_ON = { perSecond: 100, burst: 500 }
/** Complaints to one peer. Far below what it takes as honest, so that answering a flood does not become one. */
const COMPLAINTS = { perSecond: 20, burst: 100 }
const NO_SESSION = new Uint8Array(16)

export type PeerMessage = Extract<Message, { readonly name: PeerMessageName }>

export interface SessionEnd {
  readonly code: ErrorCode
  readonly message: string
  /** `remote` when the peer ended it or the channel broke, `refused` when this side refused the peer. */
  readonly by: 'local' | 'remote' | 'refused'
  /** Why, where the peer said so itself. */
  readonly goodbye?: BodyOf<'SESSION_GOODBYE'>['reason']
}

/** What the peer says of a message it did not take. */
export interface PeerRefusal {
  /** One of the project's error codes, or of a newer version's. */
  readonly code: string
  readonly message: string
  /** The message it is about, where the peer names it. */
  readonly about: MessageName | null
}

export interface SessionEvents {
  onOpen(): void
  onMessage(message: PeerMessage): void
  /** A signal that some node signed, as it came; whoever takes it verifies it. */
  onPassedOn(frame: Uint8Array<ArrayBuffer>): void
  /** The peer refused a message of ours; the session goes on. */
  onRefused(refusal: PeerRefusal): void
  /** The peer fell silent, or is heard again. */
  onStalled(stalled: boolean): void
  /** Once. */
  onEnd(end: SessionEnd): void
}

export interface SessionOptions extends HandshakeOptions {
  readonly channel: Channel
  readonly verifier: Verifier
  readonly clock: Clock
  readonly events: SessionEvents
}

export interface Session {
  readonly state: 'opening' | 'open' | 'ended'
  /** False where messages cannot leave; of a link that broke, already while what it had brought is still handled. */
  readonly writable: boolean
  readonly stalled: boolean
  /** Null before the first answer to a ping. */
  readonly roundTripMs: number | null
  readonly leastRoundTripMs: number | null
  /** All that was sent before this time has arrived. */
  readonly answeredAt: number
  /** Queues a message. Throws `CHANNEL_CLOSED` unless open, `NO_CAPACITY`, `BAD_ARGUMENT`, `FRAME_TOO_LARGE`. */
  send<Name extends PeerMessageName>(name: Name, body: BodyOf<Name>, tail?: ArrayBufferView): void
  /** Carries a self-signed DESCRIPTION or CANDIDATE as it is, outside the session's own sequence. Throws as `send` does. */
  passOn(frame: Uint8Array): void
  /** Resolves when what waits, bulk above all, is below the high-water marks; rejects with `CHANNEL_CLOSED` at the end. */
  drained(): Promise<void>
  readonly waitingBytes: number
  /** Whether there is reason to doubt that the peer is there; then it counts as stalled after less silence. */
  suspect(isSuspect: boolean): void
  /** Tells the peer that a message of its was refused, without ending the session; not more than it can honestly take. */
  complain(error: unknown, about: MessageName): void
  /** The link under it broke: ends once what had arrived is delivered. */
  broken(reason: string): void
  /** Says GOODBYE and ends. */
  end(reason: BodyOf<'SESSION_GOODBYE'>['reason']): void
}

export function createSession(options: SessionOptions): Session {
  const { channel, clock, events, identity, remoteKey, verifier } = options
  const handshake = createHandshake(options)
  const allow = createRateLimiter(clock.now())
  const complaints = createTokenBucket(COMPLAINTS, clock.now())
  const passedOn = createTokenBucket(PASSED_ON, clock.now())
  let state: Session['state'] = 'opening'
  let isBroken = false
  let heartbeat: Heartbeat | null = null
  let handshakeTimer: Timer | null = null

  const receiver = createReceiver('greeting', {
    directions: ['any', options.initiator ? 'responder' : 'initiator'],
    allow: (rate) => allow(rate, clock.now()),
  })
  const write = async (frame: Uint8Array<ArrayBuffer>, priority: Priority) => {
    const most = priority === 'bulk' ? Math.min(bulkWindow.pieceBytes, channel.maxMessageSize) : channel.maxMessageSize
    for (const message of fragmentFrame(frame, most, priority)) {
      if (priority === 'bulk') await bulkMayLeave()
      else if (channel.bufferedBytes >= HIGH_WATER_BYTES) await channel.drained()
      channel.send(message)
      writtenBytes += message.length
    }
  }
  /** Each piece of a bulk frame waits for all that is interactive, and for a short queue in the channel. */
  const bulkMayLeave = async () => {
    for (;;) {
      if (outbox.waitingBytes('interactive') > 0) await outbox.flushed()
      else if (channel.bufferedBytes >= bulkWindow.bytes) {
        bulkWindow.waited(writtenBytes - channel.bufferedBytes)
        await channel.drained(bulkWindow.bytes)
      } else return
    }
  }
  const bulkWindow = createBulkWindow(clock)
  let writtenBytes = 0
  const outbox = createOutbox({
    identity,
    write,
    maxWaitingBytes: MAX_WAITING_BYTES,
    onFail: (error) => finish({ code: errorCode(error), message: errorMessage(error), by: 'remote' }),
  })

  const finish = (end: SessionEnd) => {
    if (state === 'ended') return
    state = 'ended'
    inbox.stop()
    heartbeat?.stop()
    if (handshakeTimer !== null) clock.clearTimeout(handshakeTimer)
    events.onEnd(end)
  }

  /** Closes the channel once what was sent has left, or a moment later all the same. */
  const closeSoon = (reason: string) => {
    let timer: Timer | null = null
    const close = () => {
      outbox.stop()
      if (timer !== null) clock.clearTimeout(timer)
      channel.close(reason)
    }
    timer = clock.setTimeout(close, GOODBYE_MS)
    void outbox.flushed().then(close)
  }

  const refuse = (error: unknown) => {
    if (state === 'ended') return
    const code = errorCode(error)
    const message = errorMessage(error)
    trySend('SESSION_ERROR', { code, message: message.slice(0, 512), about: null, fatal: true })
    finish({ code, message, by: 'refused' })
    closeSoon(message)
  }

  const trySend = <Name extends MessageName>(name: Name, body: BodyOf<Name>) => {
    try {
      outbox.send(name, body)
    } catch {
      // What cannot be sent any more need not be: the channel's own close tells the rest.
    }
  }

  const perform = async (step: HandshakeStep) => {
    if (step.write !== undefined) {
      await write(step.write, 'interactive')
      outbox.begin(NO_SESSION, 1)
    }
    if (step.begin !== undefined) {
      receiver.begin(step.begin)
      receiver.state = 'proving'
      outbox.begin(step.begin)
    }
    if (step.auth !== undefined) outbox.send('SESSION_AUTH', step.auth)
    if (step.open === true) {
      receiver.state = 'open'
      state = 'open'
      if (handshakeTimer !== null) clock.clearTimeout(handshakeTimer)
      heartbeat = createHeartbeat(clock, {
        sendPing: (ping) => trySend('SESSION_PING', { ping }),
        onStalled: (stalled) => events.onStalled(stalled),
        onGiveUp: () => {
          finish({ code: 'LINK_FAILED', message: 'The peer was silent for 30 seconds.', by: 'remote' })
          channel.close('silent for 30 seconds')
        },
      })
      events.onOpen()
    }
  }

  const deliver = async (message: Message, frame: Uint8Array) => {
    switch (message.name) {
      case 'SESSION_HELLO':
      case 'SESSION_HELLO_ACK':
      case 'SESSION_AUTH':
        await perform(await handshake.receive(message, frame))
        break
      case 'SESSION_PING':
        trySend('SESSION_PONG', { ping: message.body.ping })
        break
      case 'SESSION_PONG':
        heartbeat?.pong(message.body.ping)
        break
      case 'SESSION_GOODBYE':
        finish({
          code: 'PEER_LEFT',
          message: `The peer said goodbye (${message.body.reason}).`,
          by: 'remote',
          goodbye: message.body.reason,
        })
        channel.close('goodbye')
        break
      case 'SESSION_ERROR':
        if (!message.body.fatal) {
          const { code, about } = message.body
          const name = about === null ? null : (messageOfType(about)?.name ?? null)
          events.onRefused({ code, message: message.body.message, about: name })
          break
        }
        finish({ code: 'PEER_REFUSED', message: `${message.body.code}: ${message.body.message}`, by: 'remote' })
        channel.close('refused by the peer')
        break
      default:
        // The receiver let nothing of the server's family through: it is not legal in any state of a link.
        events.onMessage(message as PeerMessage)
    }
  }

  const inbox = createInbox({
    maxWaitingBytes: MAX_WAITING_BYTES,
    async process(frame) {
      const { header, definition } = admitHeader(frame)
      if (receiver.state === 'open' && isRelayed(definition)) {
        if (!passedOn.take(clock.now())) {
          throw new CentramError('RATE_LIMITED', `A ${definition.name} was refused: too many were passed on.`)
        }
        events.onPassedOn(frame.slice())
        return
      }
      receiver.check(header, definition)
      const message = await openFrame(frame, remoteKey, verifier)
      if (state === 'ended') return
      receiver.accept(header)
      await deliver(message, frame)
    },
    onFail: refuse,
  })
  const reassembler = createReassembler((_header, definition) => {
    // Until the greeting is answered nothing large is legal, so nothing large is allocated for a stranger.
    if (
      receiver.state === 'greeting' &&
      !definition.states.some((legal) => legal === 'greeting' || legal === 'proving')
    )
      throw new CentramError('PROTOCOL_VIOLATION', `A ${definition.name} was refused: the greeting is not over.`)
  })

  channel.onMessage((message) => {
    if (state === 'ended') return
    heartbeat?.heard()
    try {
      const frame = reassembler.push(message)
      if (frame !== null) inbox.push(frame)
    } catch (error) {
      refuse(error)
    }
  })
  /** What came before the end is still delivered: the goodbye that explains it, above all. */
  const broken = (reason: string) => {
    isBroken = true
    outbox.stop()
    void inbox.idle().then(() => {
      finish({ code: 'CHANNEL_CLOSED', message: `The link closed: ${reason}.`, by: 'remote' })
    })
  }
  channel.onClose(broken)
  handshakeTimer = clock.setTimeout(() => {
    refuse(new CentramError('TIMEOUT', 'The peer did not finish its greeting in 10 seconds.'))
  }, HANDSHAKE_TIMEOUT_MS)
  if (options.initiator) handshake.start().then(perform).catch(refuse)

  const waitingBytes = () => outbox.waitingBytes('interactive') + outbox.waitingBytes('bulk') + channel.bufferedBytes
  return {
    get state() {
      return state
    },
    get writable() {
      return state === 'open' && !isBroken
    },
    suspect: (isSuspect) => heartbeat?.suspect(isSuspect),
    get stalled() {
      return heartbeat?.stalled ?? false
    },
    get roundTripMs() {
      return heartbeat?.roundTripMs ?? null
    },
    get leastRoundTripMs() {
      return heartbeat?.leastRoundTripMs ?? null
    },
    get answeredAt() {
      return heartbeat?.answeredAt ?? Number.NEGATIVE_INFINITY
    },
    get waitingBytes() {
      return waitingBytes()
    },
    send(name, body, tail) {
      if (state !== 'open') throw new CentramError('CHANNEL_CLOSED', `${name} cannot be sent: the session is ${state}.`)
      outbox.send(name, body, tail)
    },
    passOn(frame) {
      const { definition } = admitHeader(frame)
      if (!isRelayed(definition)) {
        throw new CentramError('BAD_ARGUMENT', `A ${definition.name} is of one session and cannot be passed on.`)
      }
      if (state !== 'open')
        throw new CentramError('CHANNEL_CLOSED', `A signal cannot be sent: the session is ${state}.`)
      outbox.pass(frame.slice())
    },
    async drained() {
      // Frames wait first to be signed and then in the channel.
      await outbox.drained('bulk', BULK_HIGH_WATER_BYTES)
      await outbox.drained('interactive', HIGH_WATER_BYTES)
      if (state !== 'open') throw new CentramError('CHANNEL_CLOSED', 'The session ended while messages waited.')
      await channel.drained()
    },
    complain(error, about) {
      if (!complaints.take(clock.now())) return
      trySend('SESSION_ERROR', {
        code: errorCode(error),
        message: errorMessage(error).slice(0, 512),
        about: typeByte(messageNamed(about)),
        fatal: false,
      })
    },
    broken,
    end(reason) {
      if (state === 'ended') return
      if (state === 'open') trySend('SESSION_GOODBYE', { reason, resume: null })
      finish({ code: 'CANCELLED', message: `This node ended the session (${reason}).`, by: 'local' })
      closeSoon(reason)
    },
  }
}

/** Signed by the node that wrote it, whoever hands it over. */
function isRelayed(definition: MessageDefinition): boolean {
  return definition.states.includes('relayed')
}
