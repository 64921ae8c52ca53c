// A node's end of the signalling connection, driven by hand: it sends whatever a test asks for, honest or not.

import { createVerifier, identityFromSeed, type Ed25519Subtle, type Identity } from '#core/crypto/identity.ts'
import { openRoom } from '#core/crypto/room.ts'
import { openFrame, prepareMessage, sealFrame, type Message } from '#core/protocol/codec.ts'
import type { BodyOf, MessageName } from '#core/protocol/registry.ts'
import { serverTranscript, sessionIdOf } from '#core/protocol/transcript.ts'
import type { Cluster } from '../../signaling-server/signalling/cluster.ts'
import type { SignalSocket } from '../../signaling-server/signalling/connection.ts'
import type { SignallingLimits } from '../../signaling-server/signalling/limits.ts'
import {
  createSignalling,
  type Signalling,
  type SignallingOptions,
} from '../../signaling-server/signalling/signalling.ts'
import { createFakeClock, tracked, type FakeClock } from '../worker/net/fake-clock.ts'
import { importIdentity } from '../core/protocol/frame-tools.ts'

const NO_SESSION = new Uint8Array(16)
export const SERVER = identityFromSeed(new Uint8Array(32).fill(200))

export interface Server {
  readonly signalling: Signalling
  readonly clock: FakeClock
  /** While it is there, the server's signatures wait for it. */
  signing: Promise<void> | null
  connect(seed: number, address?: string): Promise<HandClient>
}

export interface HandClient {
  readonly identity: Identity
  readonly received: Message[]
  /** Frames of other nodes, as they came. */
  readonly relayed: Uint8Array[]
  closed: string | null
  /** For how long the server said that it would not read. */
  readonly pauses: number[]
  /** Bytes that the server is made to believe it has not got rid of. */
  bufferedBytes: number
  /** By the key, session and number that a good client would use, unless told otherwise. */
  send<Name extends MessageName>(
    name: Name,
    body: BodyOf<Name>,
    options?: { session?: Uint8Array; sequence?: number; signer?: Identity },
  ): Promise<Uint8Array<ArrayBuffer>>
  sendRaw(bytes: Uint8Array): void
  register(changes?: Partial<BodyOf<'SIGNAL_REGISTER'>>): Promise<void>
  join(secret: Uint8Array, name?: string): Promise<void>
  /** Closes from this side. */
  drop(): void
  last<Name extends MessageName>(name: Name): BodyOf<Name> | undefined
}

export async function createServer(
  limits: Partial<SignallingLimits> = {},
  grantRelay?: SignallingOptions['grantRelay'],
  cluster?: Cluster,
): Promise<Server> {
  const clock = createFakeClock()
  const verifier = tracked(await createVerifier(globalThis.crypto.subtle as Ed25519Subtle))
  const serverIdentity = await importIdentity(new Uint8Array(32).fill(200))
  let draws = 0
  const sign = tracked((bytes: Uint8Array) => serverIdentity.sign(bytes))
  const signalling = createSignalling({
    identity: {
      publicKey: serverIdentity.publicKey,
      async sign(bytes) {
        if (server.signing !== null) await server.signing
        return sign(bytes)
      },
    },
    verifier,
    clock,
    random: (length) => new Uint8Array(length).fill(++draws),
    limits,
    grantRelay,
    ...(cluster && { cluster }),
  })
  const server: Server = {
    signalling,
    clock,
    signing: null,
    async connect(seed, address = '192.0.2.1') {
      const identity = await importIdentity(new Uint8Array(32).fill(seed))
      let toServer: (bytes: Uint8Array) => void = () => undefined
      let onClose: () => void = () => undefined
      let challenge: Uint8Array | null = null
      let transcript = NO_SESSION
      let session = NO_SESSION
      let sequence = 0
      const incoming: Uint8Array[] = []
      const client: HandClient = {
        identity,
        received: [],
        relayed: [],
        closed: null,
        pauses: [],
        bufferedBytes: 0,
        async send(name, body, options = {}) {
          const frame = await sealFrame(
            prepareMessage(name, body, undefined),
            options.signer ?? identity,
            options.session ?? session,
            options.sequence ?? sequence++,
          )
          toServer(frame)
          await settleAll()
          return frame
        },
        sendRaw: (bytes) => toServer(bytes),
        async register(changes = {}) {
          const greeting = client.last('SIGNAL_CHALLENGE') as BodyOf<'SIGNAL_CHALLENGE'>
          const frame = await client.send('SIGNAL_REGISTER', {
            version: 1,
            key: identity.publicKey,
            server: greeting.key,
            challenge: greeting.nonce,
            nonce: new Uint8Array(32).fill(seed),
            incarnation: new Uint8Array(16).fill(seed),
            ...changes,
          })
          transcript = serverTranscript(challenge as Uint8Array, frame) as Uint8Array<ArrayBuffer>
          session = sessionIdOf(transcript) as Uint8Array<ArrayBuffer>
          sequence = 0
        },
        async join(secret, name = `node ${seed}`) {
          const room = openRoom(secret)
          const proof = room.prove(transcript, identity.publicKey)
          await client.send('SIGNAL_ROOM_JOIN', { name, room: { id: room.id, key: room.publicKey, proof } })
        },
        drop() {
          client.closed ??= 'here'
          onClose()
        },
        last: (name) => client.received.filter((message) => message.name === name).at(-1)?.body as never,
      }
      const settleAll = async () => {
        await clock.advance(0)
        for (const frame of incoming.splice(0)) {
          const type = frame[5]
          if (type === 20 || type === 21) {
            client.relayed.push(frame)
            continue
          }
          const message = await openFrame(frame, SERVER.publicKey, verifier)
          if (message.name === 'SIGNAL_CHALLENGE') challenge = frame
          client.received.push(message)
        }
      }
      const socket: SignalSocket = {
        get bufferedBytes() {
          return client.bufferedBytes
        },
        send: (bytes) => {
          if (client.closed === null) incoming.push(bytes.slice())
        },
        close: (reason) => {
          if (client.closed !== null) return
          client.closed = reason
          onClose()
        },
        pause: (milliseconds) => client.pauses.push(milliseconds),
        onMessage: (listener) => (toServer = listener),
        onClose: (listener) => (onClose = listener),
      }
      signalling.accept(socket, address)
      await settleAll()
      pump.set(client, settleAll)
      return client
    },
  }
  return server
}

const pump = new WeakMap<HandClient, () => Promise<void>>()

/** Takes in what the server sent these clients meanwhile. */
export async function listen(...clients: readonly HandClient[]): Promise<void> {
  for (const client of clients) await pump.get(client)?.()
}
