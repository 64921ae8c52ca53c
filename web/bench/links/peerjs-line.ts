// A PeerJS connection as its documentation opens one, introduced by the broker of this server.

import { Peer, type DataConnection } from 'peerjs'
import { createDrained, createLine, type Line, type LineOptions } from './line.ts'

export async function openPeerJsLine({ first, serverUrl, room }: LineOptions): Promise<Line> {
  const { hostname, port } = new URL(serverUrl)
  const name = (side: 'first' | 'second') => `${side}-${room}`
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- its options are declared as a class
  const peer = new Peer(name(first ? 'first' : 'second'), {
    host: hostname,
    port: Number(port),
    path: '/broker',
    secure: false,
    config: { iceServers: [] },
    debug: 1,
  })
  await new Promise<void>((resolve, reject) => {
    peer.once('open', () => resolve())
    peer.once('error', reject)
  })
  const connection = first
    ? await connect(peer, name('second'))
    : await new Promise<DataConnection>((resolve) => peer.once('connection', resolve))
  const drained = () => createDrained(connection.dataChannel)()
  const { line, take } = createLine({
    send: (bytes) => void connection.send(bytes),
    drained,
    close: () => peer.destroy(),
  })
  connection.on('data', (data) => take(data instanceof Uint8Array ? data : new Uint8Array(data as ArrayBuffer)))
  if (!connection.open) await new Promise<void>((resolve) => connection.once('open', () => resolve()))
  return line
}

/** The other side may not be registered yet; its broker tells, and a connection is tried again. */
async function connect(peer: Peer, other: string): Promise<DataConnection> {
  for (;;) {
    const connection = peer.connect(other, { reliable: true })
    const opened = await new Promise<boolean>((resolve) => {
      connection.once('open', () => resolve(true))
      peer.once('error', () => resolve(false))
    })
    if (opened) return connection
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
