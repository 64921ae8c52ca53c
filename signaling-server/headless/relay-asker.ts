// Asks a TURN server for a relay by libdatachannel, which speaks TURN over UDP.

import { CentramError } from '#core/errors.ts'
import { nativeServer, type NativeConfiguration, type NativeConnection } from './rtc-transport.ts'
import { loadLinks } from './surroundings.ts'

interface RelayServer {
  readonly url: string
  readonly username: string
  readonly credential: string
}

/** Whether a relayed address was lent within that time. Throws where it cannot be asked from here. */
export async function askForRelay(server: RelayServer, waitMs: number): Promise<boolean> {
  const native = nativeServer(server)
  if (native === undefined) {
    throw new CentramError('NOT_OFFERED', 'from here only TURN over UDP can be asked; browsers use this one too')
  }
  const { PeerConnection } = await loadLinks()
  const configuration: NativeConfiguration = {
    iceServers: [native],
    disableAutoNegotiation: true,
    iceTransportPolicy: 'relay',
  }
  const pc: NativeConnection = new PeerConnection('doctor', configuration)
  try {
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMs)
      pc.onLocalCandidate((candidate) => {
        if (!candidate.includes(' typ relay')) return
        clearTimeout(timer)
        resolve(true)
      })
      pc.createDataChannel('centram', { negotiated: true, id: 0 })
      pc.setLocalDescription('offer')
    })
  } finally {
    pc.close()
  }
}
