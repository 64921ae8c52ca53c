// A whole swarm in one process: a signalling server, sockets and links of memory, and time moved by hand.

import { createVerifier, type Ed25519Subtle, type Identity, type Verifier } from '#core/crypto/identity.ts'
import { importIdentity } from '../../core/protocol/frame-tools.ts'
import type { MemoryLinkOptions } from '../../../worker/net/memory-channel.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../worker/net/memory-transport.ts'
import type { SocketFactory } from '../../../worker/net/signalling-client.ts'
import { createSwarm, type Swarm } from '../../../worker/net/swarm.ts'
import type { SignalSocket } from '../../../signaling-server/signalling/connection.ts'
import type { SignallingLimits } from '../../../signaling-server/signalling/limits.ts'
import { createSignalling, type Signalling } from '../../../signaling-server/signalling/signalling.ts'
import { createFakeClock, tracked, type FakeClock } from './fake-clock.ts'

export async function createTrackedVerifier(): Promise<Verifier> {
  return tracked(await createVerifier(globalThis.crypto.subtle as Ed25519Subtle))
}

/** The identity of a number from 0 to 255. */
export async function createTrackedIdentity(seed: number): Promise<Identity> {
  const identity = await importIdentity(new Uint8Array(32).fill(seed))
  return { publicKey: identity.publicKey, sign: tracked((bytes) => identity.sign(bytes)) }
}

/** Deterministic bytes; quality does not matter here, only that no two draws are alike. */
export function createRandom(seed: number): (length: number) => Uint8Array {
  let state = (seed * 2654435761 + 1) >>> 0
  return (length) =>
    Uint8Array.from({ length }, () => {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      state >>>= 0
      return state & 255
    })
}

export interface Simulation {
  readonly clock: FakeClock
  readonly network: MemoryNetwork
  readonly connect: SocketFactory
  server: Signalling
  createNode(name: string, options?: { seed?: number; transport?: string }): Promise<Swarm>
  /** Every socket closes and new ones are refused, until `startServer`. */
  stopServer(): void
  startServer(): void
}

export const ROOM = new Uint8Array(16).fill(42)

/** `links` says what the links between nodes are like; without it they are instant. */
export async function createSimulation(
  limits: Partial<SignallingLimits> = {},
  links: (clock: FakeClock) => MemoryLinkOptions = () => ({}),
): Promise<Simulation> {
  const clock = createFakeClock()
  const verifier = await createTrackedVerifier()
  const network = createMemoryNetwork(links(clock))
  const serverIdentity = await createTrackedIdentity(200)
  const makeServer = (): Signalling =>
    createSignalling({
      identity: serverIdentity,
      verifier,
      clock,
      random: createRandom(99),
      limits,
    })
  let up = true
  let count = 0
  const sockets = createSocketPairs(() => (up ? simulation.server : null))
  const simulation: Simulation = {
    clock,
    network,
    connect: sockets.connect,
    server: makeServer(),
    async createNode(name, { seed = ++count, transport = `${name} ${seed} ${count}` } = {}) {
      return createSwarm({
        identity: await createTrackedIdentity(seed),
        verifier,
        transport: network.createTransport(transport),
        connect: sockets.connect,
        serverUrl: 'ws://simulated/signal',
        clock,
        random: createRandom(1000 + seed * 17 + count++),
        name,
      })
    },
    stopServer() {
      up = false
      simulation.server.close()
    },
    startServer() {
      up = true
      simulation.server = makeServer()
    },
  }
  return simulation
}

/** WebSockets of memory: the client's half by the factory, the server's half handed to the signalling service. */
export function createSocketPairs(server: () => Signalling | null, address = '127.0.0.1'): { connect: SocketFactory } {
  return {
    connect(_url, events) {
      let open = true
      let toServer: (bytes: Uint8Array) => void = () => undefined
      let serverClosed: () => void = () => undefined
      const closeClient = (reason: string) =>
        queueMicrotask(() => {
          if (!open) return
          open = false
          serverClosed()
          events.onClose(reason)
        })
      queueMicrotask(() => {
        const service = server()
        if (service === null) {
          closeClient('the server cannot be reached')
          return
        }
        const socket: SignalSocket = {
          bufferedBytes: 0,
          send: (bytes) => {
            const copy = bytes.slice()
            queueMicrotask(() => open && events.onMessage(copy))
          },
          close: closeClient,
          onMessage: (listener) => (toServer = listener),
          onClose: (listener) => (serverClosed = listener),
        }
        events.onOpen()
        service.accept(socket, address)
      })
      return {
        send: (bytes) => {
          const copy = bytes.slice()
          queueMicrotask(() => open && toServer(copy))
        },
        close: () => {
          if (!open) return
          open = false
          queueMicrotask(() => serverClosed())
        },
      }
    },
  }
}
