// WebSockets as the ways in want them: bytes in (text as UTF-8), bytes out, one close.

import type { SocketFactory } from '../net/signalling-client.ts'

export const connectWebSocket: SocketFactory = (url, events) => {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => events.onOpen()
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
    events.onMessage(typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data))
  }
  socket.onclose = ({ reason }) => events.onClose(reason || 'the server does not answer')
  return {
    send: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    close: () => socket.close(),
  }
}
