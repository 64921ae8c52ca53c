// WebSockets as the signalling client wants them: bytes in, bytes out, one close.

import type { SocketFactory } from '../net/signalling-client.ts'

export const connectWebSocket: SocketFactory = (url, events) => {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => events.onOpen()
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
    if (typeof data === 'string') socket.close(1003)
    else events.onMessage(new Uint8Array(data))
  }
  socket.onclose = ({ reason }) => events.onClose(reason || 'the server does not answer')
  return {
    send: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    close: () => socket.close(),
  }
}
