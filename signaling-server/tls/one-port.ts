// HTTPS and plain HTTP on one port: whoever types an address without `https://` is sent on, and may fetch the authority to trust.

import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createSocketServer, type Socket } from 'node:net'
import type { ServerCertificate } from './certificate.ts'

/** Where the authority's certificate is found, over plain HTTP. */
export const AUTHORITY_PATH = '/centram-ca.crt'
/** First byte of a TLS connection: a record of the handshake (RFC 8446 §5.1). */
const HANDSHAKE = 0x16
/** Whoever says nothing for so long is no browser. */
const FIRST_BYTE_MS = 10_000

/**
 * A server that answers over TLS. It is listened with, and closed, by `listener`; the server behind it has what belongs to
 * requests: `upgrade`, and connections to be closed.
 */
export function createOnePort(
  certificate: ServerCertificate,
  respond: RequestListener,
): { readonly listener: ReturnType<typeof createSocketServer>; readonly server: Server } {
  const secure = createTlsServer({ key: certificate.key, cert: certificate.cert }, respond)
  const plain = createPlainServer((request, response) => {
    if (request.url === AUTHORITY_PATH && certificate.authority !== undefined) {
      response.writeHead(200, { 'Content-Type': 'application/x-x509-ca-cert', 'Cache-Control': 'no-store' })
      response.end(certificate.authority)
      return
    }
    // The header names the host as the browser knows it; without one there is no address to send it to.
    const host = /^[\w.:[\]-]+$/.test(request.headers.host ?? '') ? request.headers.host : undefined
    if (host === undefined) response.writeHead(400).end()
    else response.writeHead(308, { Location: `https://${host}${request.url ?? '/'}`, 'Content-Length': '0' }).end()
  })
  const listener = createSocketServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.setTimeout(FIRST_BYTE_MS, () => socket.destroy())
    socket.once('data', (first) => {
      socket.setTimeout(0)
      socket.removeAllListeners('timeout')
      socket.pause()
      socket.unshift(first)
      handOver(first[0] === HANDSHAKE ? secure : plain, socket)
    })
  })
  listener.on('listening', () => {
    // They watch over slow and idle connections from then on.
    secure.emit('listening')
    plain.emit('listening')
  })
  listener.on('close', () => {
    secure.emit('close')
    plain.emit('close')
    plain.closeAllConnections()
  })
  return { listener, server: secure }
}

function handOver(server: Server, socket: Socket): void {
  server.emit('connection', socket)
  process.nextTick(() => socket.resume())
}
