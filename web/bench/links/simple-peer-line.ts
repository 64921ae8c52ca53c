// A simple-peer connection; the pages carry its signals.

import type SimplePeer from 'simple-peer'
// The package's own bundle: its sources want Node.js's streams.
import Bundle from 'simple-peer/simplepeer.min.js'
import { createLine, type Line, type LineOptions } from './line.ts'

const Peer = Bundle as SimplePeer.SimplePeer

export async function openSimplePeerLine({ first, signals }: LineOptions): Promise<Line> {
  const peer = new Peer({ initiator: first, config: { iceServers: [] } })
  let mayWrite = Promise.resolve()
  const { line, take } = createLine({
    send(bytes) {
      // As a stream, which holds the sender back; `send` would not.
      if (!peer.write(bytes)) mayWrite = new Promise((resolve) => peer.once('drain', () => resolve()))
    },
    drained: () => mayWrite,
    close() {
      peer.destroy()
    },
  })
  peer.on('signal', (signal: SimplePeer.SignalData) => signals.tell(signal))
  signals.onSignal((signal) => peer.signal(signal as SimplePeer.SignalData))
  peer.on('data', (data: Uint8Array) => take(data))
  peer.on('error', () => undefined)
  await new Promise<void>((resolve, reject) => {
    peer.once('connect', () => resolve())
    peer.once('error', reject)
  })
  return line
}
