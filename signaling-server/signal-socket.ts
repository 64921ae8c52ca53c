// Mounts the signalling service behind a WebSocket upgrade: binary messages only, capped before they are buffered.

import { randomBytes, webcrypto } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import { createVerifier, generateIdentity, openIdentity, type Ed25519Subtle } from '#core/crypto/identity.ts'
import { WebSocketServer, type WebSocket } from 'ws'
import type { SignallingService } from './server.ts'
import type { SignalSocket } from './signalling/connection.ts'
import { DEFAULT_LIMITS, type SignallingLimits } from './signalling/limits.ts'
import { createSignalling } from './signalling/signalling.ts'

/** WebSocket close codes (RFC 6455 §7.4.1). */
const NORMAL_CLOSURE = 1000
const UNSUPPORTED_DATA = 1003
/** A close reason holds at most this many bytes (RFC 6455 §5.5). */
const MAX_REASON_BYTES = 123
/** Sockets get this long to say goodbye when the server stops. */
const CLOSE_GRACE_MS = 500

const clock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** A signalling service with a fresh identity: nodes only need to tell one run of the server from another. */
export async function createSignallingService(limits: Partial<SignallingLimits> = {}): Promise<SignallingService> {
  const subtle = webcrypto.subtle as unknown as Ed25519Subtle
  const random = (length: number) => new Uint8Array(randomBytes(length))
  const signalling = createSignalling({
    identity: openIdentity(await generateIdentity(subtle, random), subtle),
    verifier: await createVerifier(subtle),
    clock,
    random,
    limits,
  })
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.maxFrameBytes ?? DEFAULT_LIMITS.maxFrameBytes,
  })

  return {
    handleUpgrade(request, socket, head) {
      // Forwarded-for headers are anyone's to write, so limits go by the connection's own address.
      const address = request.socket.remoteAddress ?? 'unknown'
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        signalling.accept(wrapSocket(webSocket), address)
      })
    },
    counts() {
      const { peers, rooms } = signalling.summary()
      return { nodes: peers, rooms }
    },
    async close() {
      signalling.close()
      const ended = [...sockets.clients].map((client) => new Promise<void>((resolve) => client.once('close', resolve)))
      const cut = setTimeout(() => sockets.clients.forEach((client) => client.terminate()), CLOSE_GRACE_MS)
      await Promise.all(ended)
      clearTimeout(cut)
      sockets.close()
    },
  }
}

function wrapSocket(webSocket: WebSocket): SignalSocket {
  // Too large a frame, broken UTF-8 or a reset: ws closes the socket by itself, and `close` follows.
  webSocket.on('error', () => undefined)
  return {
    send: (bytes) => webSocket.send(bytes),
    close: (reason) => webSocket.close(NORMAL_CLOSURE, cutReason(reason)),
    onMessage(listener) {
      webSocket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) listener(new Uint8Array(data))
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
