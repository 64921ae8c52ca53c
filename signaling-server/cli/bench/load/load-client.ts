// A node's end of the signalling connection for load: it registers, enters a room and passes signals to a companion, and nothing else.

import { generateIdentity, openIdentity, type Ed25519Subtle, type Identity } from '#core/crypto/identity.ts'
import { openRoom } from '#core/crypto/room.ts'
import { openSelfSigned, prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import { PROTOCOL_VERSION } from '#core/protocol/frame.ts'
import type { BodyOf, MessageName } from '#core/protocol/registry.ts'
import { createVerifier } from '#core/crypto/identity.ts'
import { serverTranscript, sessionIdOf } from '#core/protocol/transcript.ts'
import { randomBytes, webcrypto } from 'node:crypto'
import { WebSocket } from 'ws'

const subtle = webcrypto.subtle as unknown as Ed25519Subtle
const NO_SESSION = new Uint8Array(16)
/** Where a frame names its type, and those that the server passes on. */
const TYPE_AT = 5
const CANDIDATE = 21

export interface LoadClient {
  readonly key: Uint8Array
  /** A signed candidate for a companion, with `mark` in it. */
  sealCandidate(to: Uint8Array, mark: string): Promise<Uint8Array>
  send(frame: Uint8Array): void
  /** Told of every frame that a companion sent. */
  onCandidate(listener: (frame: Uint8Array) => void): void
  readonly closed: Promise<void>
  readonly bufferedBytes: number
  close(): void
}

const random = (length: number) => new Uint8Array(randomBytes(length))
const verifier = await createVerifier(subtle)

/** Connects from `localAddress`, registers a new node and enters the room of `secret`. */
export async function openLoadClient(url: string, localAddress: string, secret: Uint8Array): Promise<LoadClient> {
  const identity = openIdentity(await generateIdentity(subtle, random), subtle)
  const socket = new WebSocket(url, { localAddress, perMessageDeflate: false })
  socket.binaryType = 'nodebuffer'
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let hear: (frame: Uint8Array) => void = () => undefined
  const challenge = await new Promise<Uint8Array>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('The server closed the connection.')))
    socket.once('message', (data: Buffer) => resolve(Uint8Array.from(data)))
  })
  socket.on('error', () => socket.terminate())
  socket.on('message', (data: Buffer) => {
    if (data[TYPE_AT] === CANDIDATE) hear(data)
  })
  const greeting = await openSelfSigned(
    challenge,
    (claim) => (claim.name === 'SIGNAL_CHALLENGE' ? claim.body.key : undefined),
    verifier,
  )
  if (greeting.name !== 'SIGNAL_CHALLENGE') throw new Error(`The server began with ${greeting.name}.`)
  let session: Uint8Array = NO_SESSION
  let sequence = 0
  const seal = <Name extends MessageName>(name: Name, body: BodyOf<Name>, signer: Identity = identity) =>
    sealFrame(prepareMessage(name, body, undefined), signer, session, sequence++)
  const registration = await seal('SIGNAL_REGISTER', {
    version: PROTOCOL_VERSION,
    key: identity.publicKey,
    server: greeting.body.key,
    challenge: greeting.body.nonce,
    nonce: random(32),
    incarnation: random(16),
  })
  socket.send(registration)
  const transcript = serverTranscript(challenge, registration)
  session = sessionIdOf(transcript)
  sequence = 0
  const room = openRoom(secret)
  socket.send(
    await seal('SIGNAL_ROOM_JOIN', {
      name: 'load',
      room: { id: room.id, key: room.publicKey, proof: room.prove(transcript, identity.publicKey) },
    }),
  )
  return {
    key: identity.publicKey,
    sealCandidate: (to, mark) =>
      seal('SIGNAL_CANDIDATE', {
        from: identity.publicKey,
        to,
        link: new Uint8Array(16),
        candidate: mark,
        mid: '0',
        line: 0,
      }),
    send: (frame) => socket.send(frame),
    onCandidate: (listener) => (hear = listener),
    closed,
    get bufferedBytes() {
      return socket.bufferedAmount
    },
    close: () => socket.terminate(),
  }
}
