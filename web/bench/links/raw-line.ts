// The browser's own data channel and nothing else: what every library is measured against.

import { createDrained, createLine, type Line, type LineOptions } from './line.ts'

type Signal = RTCSessionDescriptionInit | RTCIceCandidateInit

export async function openRawLine({ first, signals }: LineOptions): Promise<Line> {
  const pc = new RTCPeerConnection()
  const channel = pc.createDataChannel('raw', { negotiated: true, id: 0 })
  channel.binaryType = 'arraybuffer'
  pc.onicecandidate = ({ candidate }) => {
    if (candidate) signals.tell(candidate.toJSON())
  }
  let queue = Promise.resolve()
  const take = async (signal: Signal) => {
    if (!('type' in signal)) {
      await pc.addIceCandidate(signal)
      return
    }
    await pc.setRemoteDescription(signal)
    if (signal.type !== 'offer') return
    await pc.setLocalDescription()
    signals.tell({ type: 'answer', sdp: pc.localDescription?.sdp })
  }
  signals.onSignal((signal) => {
    queue = queue.then(() => take(signal as Signal))
  })
  const { line, take: receive } = createLine({
    send: (bytes) => channel.send(bytes),
    drained: createDrained(channel),
    close: () => pc.close(),
  })
  channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => receive(new Uint8Array(data))
  const open = new Promise<void>((resolve) => (channel.onopen = () => resolve()))
  if (first) {
    await pc.setLocalDescription()
    signals.tell({ type: 'offer', sdp: pc.localDescription?.sdp })
  }
  await open
  return line
}
