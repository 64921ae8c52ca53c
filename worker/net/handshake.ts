// The greeting of a link. Initiator: HELLO, then AUTH. Responder: HELLO_ACK and AUTH at once. Both AUTHs sign the hash of
// all that was said, of both DTLS certificates as each side sees them, and of the room's secret; whoever sits between two
// encrypted halves shows other certificates to each, and the hashes differ.

import { CentramError } from '#core/errors.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import type { Identity } from '#core/crypto/identity.ts'
import { verifyRoomProof, type RoomKeys } from '#core/crypto/room.ts'
import { prepareMessage, sealFrame, type Message } from '#core/protocol/codec.ts'
import { PROTOCOL_VERSION } from '#core/protocol/frame.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { linkTranscript, sessionIdOf } from '#core/protocol/transcript.ts'

/** What this version can do beyond the protocol's first; none yet. */
const FEATURES: readonly string[] = []
const NO_SESSION = new Uint8Array(16)

export interface HandshakeOptions {
  readonly identity: Identity
  readonly remoteKey: Uint8Array
  readonly initiator: boolean
  readonly localFingerprint: Uint8Array
  readonly remoteFingerprint: Uint8Array
  /** Whose secret both sides must hold; null where there is no room (tests, direct links). */
  readonly room: RoomKeys | null
  readonly random: (length: number) => Uint8Array
  /** Throws for a key that no session may begin with: one that was rotated or revoked. */
  readonly requireKey?: ((key: Uint8Array) => void) | undefined
}

/** What a step of the greeting asks its session to do, in this order. */
export interface HandshakeStep {
  /** A frame of the greeting to write as it is. */
  readonly write?: Uint8Array<ArrayBuffer>
  /** From here on both directions use this session id. */
  readonly begin?: Uint8Array
  readonly auth?: BodyOf<'SESSION_AUTH'>
  readonly open?: boolean
}

export interface Handshake {
  /** The initiator's first step. */
  start(): Promise<HandshakeStep>
  /** The step that answers a verified greeting message; `frame` is its bytes as received. */
  receive(message: Message, frame: Uint8Array): Promise<HandshakeStep>
}

export function createHandshake(options: HandshakeOptions): Handshake {
  const { identity, remoteKey, room } = options
  const own = identity.publicKey
  let hello: Uint8Array | null = null
  let transcript: Uint8Array | null = null

  const conclude = (helloFrame: Uint8Array, ackFrame: Uint8Array): HandshakeStep => {
    transcript = linkTranscript({
      hello: helloFrame,
      helloAck: ackFrame,
      initiatorFingerprint: options.initiator ? options.localFingerprint : options.remoteFingerprint,
      responderFingerprint: options.initiator ? options.remoteFingerprint : options.localFingerprint,
    })
    return {
      begin: sessionIdOf(transcript),
      auth: { transcript, proof: room === null ? null : room.prove(transcript, own) },
    }
  }

  const requireKeys = (body: { readonly key: Uint8Array; readonly to: Uint8Array }) => {
    if (!equalBytes(body.key, remoteKey) || !equalBytes(body.to, own)) {
      throw violation('its greeting names other keys than those of this link')
    }
    options.requireKey?.(remoteKey)
  }

  return {
    async start() {
      const message = prepareMessage(
        'SESSION_HELLO',
        { versions: [PROTOCOL_VERSION], key: own, to: remoteKey, nonce: options.random(32), features: [...FEATURES] },
        undefined,
      )
      const frame = await sealFrame(message, identity, NO_SESSION, 0)
      hello = frame
      return { write: frame }
    },

    async receive(message, frame) {
      switch (message.name) {
        case 'SESSION_HELLO': {
          if (options.initiator || hello !== null) throw violation('it said HELLO when it was not its turn')
          requireKeys(message.body)
          if (!message.body.versions.includes(PROTOCOL_VERSION)) {
            throw new CentramError(
              'VERSION_UNSUPPORTED',
              `The peer speaks protocol versions ${message.body.versions.join(', ')}, this node only ` +
                `${PROTOCOL_VERSION}: reload the older page.`,
            )
          }
          hello = frame
          const features = message.body.features.filter((feature) => FEATURES.includes(feature))
          const ack = prepareMessage(
            'SESSION_HELLO_ACK',
            { version: PROTOCOL_VERSION, key: own, to: remoteKey, nonce: options.random(32), features },
            undefined,
          )
          const ackFrame = await sealFrame(ack, identity, NO_SESSION, 0)
          return { write: ackFrame, ...conclude(frame, ackFrame) }
        }
        case 'SESSION_HELLO_ACK': {
          if (!options.initiator || hello === null || transcript !== null) {
            throw violation('it answered a greeting that was not open')
          }
          requireKeys(message.body)
          if (message.body.version !== PROTOCOL_VERSION) throw violation('it chose a version that was not offered')
          if (message.body.features.some((feature) => !FEATURES.includes(feature))) {
            throw violation('it chose a feature that was not offered')
          }
          return conclude(hello, frame)
        }
        case 'SESSION_AUTH': {
          if (transcript === null) throw violation('it authenticated before the greeting')
          if (!equalBytes(message.body.transcript, transcript))
            throw violation('it saw another greeting than this node')
          if (room !== null) {
            const { proof } = message.body
            if (proof === null || !verifyRoomProof(room.publicKey, transcript, remoteKey, proof)) {
              throw violation('it does not hold the secret of this room')
            }
          }
          return { open: true }
        }
        default:
          throw violation(`a ${message.name} is no part of a greeting`)
      }
    },
  }
}

function violation(what: string): CentramError {
  return new CentramError('PROTOCOL_VIOLATION', `The peer was refused: ${what}.`)
}
