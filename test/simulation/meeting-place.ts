// The signalling server of a simulated world and the sockets that lead to it: the product's own classes, over connections
// with delay that break, and with a post office that may lose, repeat, hold back or spoil what it relays.

import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import { looksLikeFrame, readHeader } from '#core/protocol/frame.ts'
import { messageOfType } from '#core/protocol/registry.ts'
import type { SignalSocket } from '../../signaling-server/signalling/connection.ts'
import { createSignalling, type Signalling } from '../../signaling-server/signalling/signalling.ts'
import type { SocketFactory } from '../../worker/net/signalling-client.ts'
import { createProcess, type SimulatedProcess } from './process.ts'
import type { Dice } from './random.ts'
import type { Schedule } from './schedule.ts'

/** What becomes of a frame that the server relays: it arrives as these, after so many milliseconds each. */
export type Relay = (frame: Uint8Array) => readonly { readonly frame: Uint8Array; readonly delay: number }[]

export interface MeetingPlace {
  connectFrom(process: SimulatedProcess): SocketFactory
  readonly up: boolean
  start(): void
  /** The process ends; sockets break at once, or (a machine that vanished) stay open and silent. */
  stop(how: 'breaks' | 'vanishes'): void
  /** Breaks the sockets of one process. Returns how many there were. */
  breakSockets(process: string): number
  relay: Relay
  reachable: (process: string) => boolean
}

interface OpenSocket {
  readonly client: SimulatedProcess
  break(): void
}

export function createMeetingPlace(schedule: Schedule, dice: Dice): MeetingPlace {
  const identity = identityFromSeed(new Uint8Array(32).fill(200))
  const sockets = new Set<OpenSocket>()
  let process: SimulatedProcess | null = null
  let signalling: Signalling | null = null
  let starts = 0

  const place: MeetingPlace = {
    get up() {
      return process !== null
    },
    start() {
      if (process !== null) return
      const started = createProcess(`server.${++starts}`, schedule)
      const bytes = dice.fork(started.name)
      process = started
      signalling = createSignalling({
        identity,
        verifier: plainVerifier,
        clock: started.clock,
        random: (length) => bytes.bytes(length),
        // All of a simulation's nodes come from one address.
        limits: { addressRate: { perSecond: 5000, burst: 40_000 }, connectionRate: { perSecond: 500, burst: 4000 } },
      })
    },
    stop(how) {
      if (process === null) return
      process.kill()
      process = null
      signalling = null
      if (how === 'breaks') for (const socket of [...sockets]) socket.break()
    },
    breakSockets(name) {
      const own = [...sockets].filter(({ client }) => client.name === name)
      for (const socket of own) socket.break()
      return own.length
    },
    relay: (frame) => [{ frame, delay: 0 }],
    reachable: () => true,
    connectFrom,
  }

  function connectFrom(client: SimulatedProcess): SocketFactory {
    return (_url, events) => {
      const server = process
      let state: 'connecting' | 'open' | 'closed' = 'connecting'
      let toServer: (bytes: Uint8Array) => void = () => undefined
      let serverClosed: () => void = () => undefined
      const last = { up: 0, down: 0 }
      /** In order: TCP. Nothing passes while the place cannot be reached; then the socket breaks. */
      const travel = (way: 'up' | 'down', delay: number, label: string, arrive: () => void): void => {
        last[way] = Math.max(last[way] + 0.001, schedule.now() + delay)
        schedule.after(last[way] - schedule.now(), `${client.name} ${way} ${label}`, () => {
          const end = way === 'up' ? server : client
          if (state === 'open') end?.enter(() => state === 'open' && arrive())
        })
      }
      const latency = () => dice.between(4, 40)
      const closeClient = (reason: string): void => {
        if (state === 'closed') return
        state = 'closed'
        sockets.delete(socket)
        server?.enter(() => serverClosed())
        client.after(latency(), 'socket closes', () => events.onClose(reason))
      }
      const socket: OpenSocket = { client, break: () => closeClient('the connection broke') }
      client.onKill(() => {
        if (state === 'closed') return
        state = 'closed'
        sockets.delete(socket)
        server?.after(latency(), 'loses a socket', () => serverClosed())
      })
      client.after(latency(), 'socket opens', () => {
        if (state !== 'connecting') return
        if (server === null || !server.alive || signalling === null || !place.reachable(client.name)) {
          closeClient('the server cannot be reached')
          return
        }
        state = 'open'
        sockets.add(socket)
        const service: SignalSocket = {
          bufferedBytes: 0,
          send(bytes) {
            for (const { frame, delay } of isRelayed(bytes) ? place.relay(bytes) : [{ frame: bytes, delay: 0 }]) {
              const copy = frame.slice()
              // What the post office holds back is overtaken by what comes after it.
              if (delay > 0)
                client.after(delay + latency(), 'late signal', () => state === 'open' && events.onMessage(copy))
              else travel('down', latency(), `${copy.length}`, () => events.onMessage(copy))
            }
          },
          close: closeClient,
          onMessage: (listener) => (toServer = listener),
          onClose: (listener) => (serverClosed = listener),
        }
        events.onOpen()
        signalling.accept(service, '127.0.0.1')
      })
      return {
        send(bytes) {
          const copy = bytes.slice()
          travel('up', latency(), `${copy.length}`, () => toServer(copy))
        },
        close() {
          if (state === 'closed') return
          state = 'closed'
          sockets.delete(socket)
          server?.after(latency(), 'socket closed', () => serverClosed())
        },
      }
    }
  }
  return place
}

function isRelayed(bytes: Uint8Array): boolean {
  if (!looksLikeFrame(bytes)) return false
  return messageOfType(readHeader(bytes).type)?.states.includes('relayed') ?? false
}
