// WebSockets of a headless node, as the ways in want them: bytes in (text as UTF-8), bytes out, one close.

import { WebSocket } from 'ws'
import type { SocketFactory } from '../../worker/net/signalling-client.ts'

/** Above what any way in may send. */
const MAX_MESSAGE_BYTES = 1024 * 1024

export const connectWebSocket: SocketFactory = (url, events) => {
  const socket = new WebSocket(url, { maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false })
  let problem = ''
  socket.on('open', () => events.onOpen())
  // One Buffer a message, by the default `binaryType`.
  socket.on('message', (data: Buffer) => events.onMessage(new Uint8Array(data)))
  socket.on('error', (error) => (problem = error.message))
  socket.on('close', (_code, reason) => events.onClose(reason.toString() || problem || 'the server does not answer'))
  return {
    // Like a browser's, it takes bytes in any state and drops them where it is not open.
    send(bytes) {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes)
    },
    close: () => socket.close(),
  }
}
