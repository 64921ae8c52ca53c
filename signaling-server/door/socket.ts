// Mounts the doors behind a WebSocket upgrade: binary messages only, capped before they are buffered, and sockets that no longer
// answer a ping are cut.

import { randomBytes, webcrypto } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createVerifier, type Ed25519Subtle } from '#core/crypto/identity.ts'
import { MAX_DOOR_FRAME } from '#core/door/messages.ts'
import { WebSocketServer, type WebSocket } from 'ws'
import { createClientAddress } from '../client-address.ts'
import { createDoors, type Doors, type DoorLimits, type DoorWire } from './doors.ts'

export interface DoorService extends Pick<Doors, 'find' | 'counts'> {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  close(): void
}

const PING_MS = 30_000
const NORMAL_CLOSURE = 1000
const UNSUPPORTED_DATA = 1003
const MAX_REASON_BYTES = 123

export async function createDoorService(
  clientAddress = createClientAddress(),
  limits: Partial<DoorLimits> = {},
): Promise<DoorService> {
  const doors = createDoors({
    verifier: await createVerifier(webcrypto.subtle as unknown as Ed25519Subtle),
    clock: {
      now: () => performance.now(),
      setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
      clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
    },
    wallTime: Date.now,
    random: (length) => new Uint8Array(randomBytes(length)),
    limits,
  })
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_DOOR_FRAME })
  return {
    find: doors.find,
    counts: doors.counts,
    handleUpgrade(request, socket, head) {
      const address = clientAddress(request)
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        keepAlive(webSocket)
        doors.accept(wrap(webSocket), address, request.headers.host ?? '')
      })
    },
    close() {
      doors.close()
      for (const client of sockets.clients) client.terminate()
      sockets.close()
    },
  }
}

function keepAlive(webSocket: WebSocket): void {
  let answered = true
  webSocket.on('pong', () => (answered = true))
  const timer = setInterval(() => {
    if (!answered) webSocket.terminate()
    answered = false
    webSocket.ping()
  }, PING_MS).unref()
  webSocket.on('close', () => clearInterval(timer))
}

function wrap(webSocket: WebSocket): DoorWire {
  // Too large a message, broken UTF-8 or a reset: ws closes the socket by itself, and `close` follows.
  webSocket.on('error', () => undefined)
  return {
    send: (bytes) => webSocket.send(bytes),
    close: (reason) => webSocket.close(NORMAL_CLOSURE, asciiOf(reason).slice(0, MAX_REASON_BYTES)),
    onMessage(listener) {
      webSocket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) listener(new Uint8Array(data))
        else webSocket.close(UNSUPPORTED_DATA, 'only binary messages are understood here')
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

const asciiOf = (text: string) => text.replace(/[^\x20-\x7e]/g, '?')
