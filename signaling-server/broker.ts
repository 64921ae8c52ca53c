// PeerJS's broker on this server's port, under /broker: any PeerJS client may use it, and this project's pages as a second
// way in. The `peer` package does the work; here it gets its place, and limits that it does not have itself.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { createTokenBucket } from '#core/protocol/rates.ts'
import { ExpressPeerServer } from 'peer'
import { WebSocketServer, type WebSocket } from 'ws'
import type { ClientAddress } from './client-address.ts'

export const BROKER_PATH = '/broker'
const SOCKET_PATH = `${BROKER_PATH}/peerjs`

const MAX_MESSAGE_BYTES = 96 * 1024
const MAX_CLIENTS = 5000
const MAX_CLIENTS_PER_ADDRESS = 128
/** Messages and KiB of one client. Entering a room of 16 takes a knock at each place, then signals with a few. */
const MESSAGES = { perSecond: 20, burst: 200 }
const KIB = { perSecond: 64, burst: 1024 }
/** How long a message waits for a client that is not there. */
const EXPIRE_MS = 3_000

export interface Broker {
  handleRequest(request: IncomingMessage, response: ServerResponse): void
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  isPath(path: string): boolean
  close(): void
}

export function createBroker(clientAddress: ClientAddress): Broker {
  // The package hooks its WebSocket server onto an HTTP server, where it would answer every other upgrade with 400. This one
  // never listens; upgrades are handed over below.
  const nowhere = createServer()
  let sockets: WebSocketServer | undefined
  // It starts when it is mounted, so it needs something to be mounted on: a second one that does nothing else.
  const app = ExpressPeerServer(nowhere)
  const inner = ExpressPeerServer(nowhere, {
    path: '/',
    concurrent_limit: MAX_CLIENTS,
    expire_timeout: EXPIRE_MS,
    allow_discovery: false,
    createWebSocketServer: () =>
      (sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false })),
  })
  // What a client sends wrongly is its own affair.
  inner.on('error', () => undefined)
  app.disable('x-powered-by')
  app.use(BROKER_PATH, inner)

  const clients = new Map<string, number>()
  return {
    isPath: (path) => path === BROKER_PATH || path.startsWith(`${BROKER_PATH}/`),
    handleRequest(request, response) {
      app(request as Parameters<typeof app>[0], response as Parameters<typeof app>[1])
    },
    handleUpgrade(request, socket, head) {
      const address = clientAddress(request)
      const path = (request.url ?? '').split('?', 1)[0]
      const count = clients.get(address) ?? 0
      if (path !== SOCKET_PATH || sockets === undefined || count >= MAX_CLIENTS_PER_ADDRESS) {
        const status = path === SOCKET_PATH ? '429 Too Many Requests' : '404 Not Found'
        socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
        return
      }
      const server = sockets
      server.handleUpgrade(request, socket, head, (client) => {
        clients.set(address, (clients.get(address) ?? 0) + 1)
        client.on('close', () => {
          const left = (clients.get(address) ?? 1) - 1
          if (left === 0) clients.delete(address)
          else clients.set(address, left)
        })
        limit(client)
        server.emit('connection', client, request)
      })
    },
    close() {
      for (const client of sockets?.clients ?? []) client.terminate()
      sockets?.close()
    },
  }
}

/** Closes a client that pours. Its messages are counted before the package sees them. */
function limit(client: WebSocket): void {
  const messages = createTokenBucket(MESSAGES, performance.now())
  const kib = createTokenBucket(KIB, performance.now())
  client.prependListener('message', (data: Buffer) => {
    const now = performance.now()
    let allowed = messages.take(now)
    for (let left = data.length; allowed && left > 0; left -= 1024) allowed = kib.take(now)
    if (!allowed) client.terminate()
  })
}
