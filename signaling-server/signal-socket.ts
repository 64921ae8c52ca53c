// Mounts the signalling service behind a WebSocket upgrade: binary messages only, capped before they are buffered.

import { randomBytes, webcrypto } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Clock } from '#core/clock.ts'
import { createVerifier, generateIdentity, openIdentity, type Ed25519Subtle } from '#core/crypto/identity.ts'
import { createTraffic } from '#core/protocol/traffic.ts'
import { WebSocketServer, type WebSocket } from 'ws'
import { createClientAddress } from './client-address.ts'
import type { SignallingService } from './server.ts'
import type { Cluster } from './signalling/cluster.ts'
import type { SignalSocket } from './signalling/connection.ts'
import { DEFAULT_LIMITS, type SignallingLimits } from './signalling/limits.ts'
import { createSignalling } from './signalling/signalling.ts'
import { createTurns } from './signalling/turns.ts'
import { createSlices } from './slices.ts'
import { grantRelay, type TurnOptions } from './turn.ts'

/** WebSocket close codes (RFC 6455 §7.4.1). */
const NORMAL_CLOSURE = 1000
const UNSUPPORTED_DATA = 1003
/** A close reason holds at most this many bytes (RFC 6455 §5.5). */
const MAX_REASON_BYTES = 123
/** Sockets get this long to say goodbye when the server stops. */
const CLOSE_GRACE_MS = 500
/** Who does not answer a close in this time is cut off: it may be pouring on. */
const CLOSE_PATIENCE_MS = 3_000
/** The same of one that is not read any more: enough to get the reason across. */
const REFUSED_PATIENCE_MS = 500
/** Of the time between two looks at what the sockets brought; a wave of newcomers waits behind itself. */
const WELCOME_MS = 2
const MOST_WAITING = 2_000
const BUSY_MS = 5_000
/** Enough to keep the threads that verify busy; more would wait there, in no order of ours. */
const VERIFIED_AT_ONCE = 4

/** Of Node.js. */
export const clock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** A signalling service with a fresh identity: nodes only need to tell one run of the server from another. */
export async function createSignallingService(
  limits: Partial<SignallingLimits> = {},
  turn?: TurnOptions,
  clientAddress = createClientAddress(),
  cluster?: Cluster,
): Promise<SignallingService> {
  const subtle = webcrypto.subtle as unknown as Ed25519Subtle
  const random = (length: number) => new Uint8Array(randomBytes(length))
  const identity = openIdentity(await generateIdentity(subtle, random), subtle)
  const traffic = createTraffic(identity, await createVerifier(subtle))
  const signalling = createSignalling({
    identity: traffic.identity,
    verifier: traffic.verifier,
    clock,
    random,
    limits,
    turns: createTurns(VERIFIED_AT_ONCE, clock.now),
    grantRelay: turn && ((node) => grantRelay(turn, node, Date.now())),
    ...(cluster && { cluster }),
  })
  const newcomers = createSlices(WELCOME_MS, MOST_WAITING)
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // One message of a socket at a time, however many came in one read: the others' turns are in between.
    allowSynchronousEvents: false,
    maxPayload: limits.maxFrameBytes ?? DEFAULT_LIMITS.maxFrameBytes,
  })

  return {
    handleUpgrade(request, socket, head) {
      const address = clientAddress(request)
      const wait = signalling.wait(address)
      if (wait > 0) {
        turnAway(socket, '429 Too Many Requests', wait)
        return
      }
      const welcome = () =>
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          signalling.accept(wrapSocket(webSocket), address)
        })
      if (!newcomers.push(welcome)) turnAway(socket, '503 Service Unavailable', BUSY_MS)
    },
    counts() {
      const { peers, rooms } = signalling.summary()
      return { nodes: peers, rooms }
    },
    roomSizes: () => signalling.summary().roomSizes,
    traffic: traffic.counts,
    async close() {
      signalling.close()
      const ended = [...sockets.clients].map((client) => new Promise<void>((resolve) => client.once('close', resolve)))
      const cut = setTimeout(() => sockets.clients.forEach((client) => client.terminate()), CLOSE_GRACE_MS)
      await Promise.all(ended)
      clearTimeout(cut)
      sockets.close()
      await cluster?.close()
    },
  }
}

function turnAway(socket: Duplex, status: string, waitMs: number): void {
  const seconds = Math.ceil(waitMs / 1000)
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nRetry-After: ${seconds}\r\nContent-Length: 0\r\n\r\n`)
}

function wrapSocket(webSocket: WebSocket): SignalSocket {
  // Too large a frame, broken UTF-8 or a reset: ws closes the socket by itself, and `close` follows.
  webSocket.on('error', () => undefined)
  let resume: NodeJS.Timeout | undefined
  let isRefused = false
  let cut: NodeJS.Timeout | undefined
  webSocket.on('close', () => {
    clearTimeout(resume)
    clearTimeout(cut)
  })
  return {
    send: (bytes) => webSocket.send(bytes),
    close(reason) {
      webSocket.close(NORMAL_CLOSURE, cutReason(reason))
      cut ??= setTimeout(() => webSocket.terminate(), isRefused ? REFUSED_PATIENCE_MS : CLOSE_PATIENCE_MS)
    },
    pause(milliseconds) {
      clearTimeout(resume)
      webSocket.pause()
      isRefused = milliseconds === Number.POSITIVE_INFINITY
      if (!isRefused) resume = setTimeout(() => webSocket.resume(), milliseconds)
    },
    onMessage(listener) {
      webSocket.on('message', (data: Buffer, isBinary) => {
        // Not a copy: what waits shares the memory that it was read into.
        if (isBinary) listener(new Uint8Array(data.buffer, data.byteOffset, data.length))
        else webSocket.close(UNSUPPORTED_DATA, 'only binary frames are understood here')
      })
    },
    onClose(listener) {
      webSocket.on('close', () => listener())
    },
    get bufferedBytes() {
      return webSocket.bufferedAmount
    },
  }
}

/** Reasons are plain ASCII sentences; a longer one loses its end. */
function cutReason(reason: string): string {
  return reason.slice(0, MAX_REASON_BYTES)
}
