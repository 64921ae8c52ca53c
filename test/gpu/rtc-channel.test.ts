// The same suite on real data channels between two peer connections of one page.

import { createRtcChannel } from '../../worker/net/rtc-channel.ts'
import { describeChannel } from '../worker/net/channel-suite.ts'

describeChannel('RTCDataChannel', async () => {
  const connections = [new RTCPeerConnection(), new RTCPeerConnection()] as const
  const [a, b] = connections
  a.onicecandidate = ({ candidate }) => void b.addIceCandidate(candidate ?? undefined)
  b.onicecandidate = ({ candidate }) => void a.addIceCandidate(candidate ?? undefined)
  const channels = connections.map((connection) => connection.createDataChannel('test', { negotiated: true, id: 0 }))
  const [first, second] = channels as [RTCDataChannel, RTCDataChannel]
  const ends = [createRtcChannel(first), createRtcChannel(second)] as const
  const open = Promise.all(channels.map((channel) => new Promise((resolve) => (channel.onopen = resolve))))
  await a.setLocalDescription()
  await b.setRemoteDescription(a.localDescription as RTCSessionDescription)
  await b.setLocalDescription()
  await a.setRemoteDescription(b.localDescription as RTCSessionDescription)
  await open
  return { ends, dispose: () => connections.forEach((connection) => connection.close()) }
})
