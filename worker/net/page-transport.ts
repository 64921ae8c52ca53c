// Links over the RTCPeerConnections of the page: passes its signals on, and makes a channel of each data channel (or relay
// port) it hands over, opened once the connection under it stands.

import type { Channel } from './channel.ts'
import type { LinkEvents, LinkTransport } from './link-transport.ts'
import type { FromPage, ToPage } from './page-port.ts'

export interface ChannelMakers {
  /** Over a data channel that may still be connecting; nothing that arrives is lost from here on. */
  rtc(channel: RTCDataChannel): Channel
  port(port: MessagePort): Channel
}

/** A link on its way: what is here already of the two things it needs. */
interface Coming {
  channel?: Channel
  /** The data channel itself is open; a relay port always is. */
  open?: boolean
  connected?: Extract<FromPage, { type: 'connected' }>
}

export function createPageTransport(port: MessagePort, makers: ChannelMakers): LinkTransport {
  let events: LinkEvents | null = null
  const coming = new Map<string, Coming>()

  function tell(message: ToPage): void {
    port.postMessage(message)
  }

  function openWhenReady(link: string, entry: Coming): void {
    const { channel, open, connected } = entry
    if (!channel || !open || !connected || coming.get(link) !== entry) return
    coming.delete(link)
    const { localFingerprint, remoteFingerprint } = connected
    events?.onOpen(link, { channel, localFingerprint, remoteFingerprint })
  }

  function takeChannel(link: string, entry: Coming, via: RTCDataChannel | MessagePort): void {
    // Made at once, before anything can arrive on it, and held until the connection is known.
    entry.channel = via instanceof MessagePort ? makers.port(via) : makers.rtc(via)
    entry.open = via instanceof MessagePort || via.readyState === 'open'
    if (entry.open || via instanceof MessagePort) return
    via.addEventListener('open', () => {
      entry.open = true
      openWhenReady(link, entry)
    })
  }

  port.onmessage = ({ data }: MessageEvent<FromPage>) => {
    const entry = coming.get(data.link)
    switch (data.type) {
      case 'signal':
        events?.onSignal(data.link, data.signal)
        return
      case 'state':
        if (data.state === 'closed') coming.delete(data.link)
        events?.onState(data.link, data.state, data.reason)
        return
      case 'path':
        events?.onPath(data.link, data.path)
        return
      case 'channel':
        if (!entry) {
          data.via.close()
          return
        }
        takeChannel(data.link, entry, data.via)
        openWhenReady(data.link, entry)
        return
      case 'connected':
        if (!entry) return
        entry.connected = data
        openWhenReady(data.link, entry)
    }
  }

  return {
    listen(listener) {
      events = listener
    },
    useServers: (servers, tellAddress) => tell({ type: 'servers', servers, tellAddress }),
    open(link, options) {
      coming.set(link, {})
      tell({ type: 'open', link, options })
    },
    signal: (link, signal) => tell({ type: 'signal', link, signal }),
    restartIce: (link) => tell({ type: 'restart-ice', link }),
    close(link) {
      coming.delete(link)
      tell({ type: 'close', link })
    },
  }
}
