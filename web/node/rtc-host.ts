// Owns this tab's RTCPeerConnections on behalf of the worker: makes them, hands each link's data channel over, follows
// their state and path. It carries signals; it never reads a message.

import type { Clock } from '#core/clock.ts'
import { readFingerprint, sameFingerprint } from '#core/sdp/fingerprint.ts'
import { hidePublicAddress, hidePublicAddressIn } from '#core/sdp/public-address.ts'
import type { FromPage, ToPage } from '../../worker/node/api.ts'
import { relayChannel } from './channel-relay.ts'
import { readPath } from './link-path.ts'
import { createNegotiation, type Negotiation, type Signal } from './negotiation.ts'

export interface RtcHostOptions {
  /** Keep the data channels on the page and pass their bytes on, as browsers without transferable channels need. */
  readonly channelsOnPage?: boolean
  /** Only what a TURN server relays, never a direct path: for tests and for whoever wants her address hidden. */
  readonly relayedOnly?: boolean
}

interface Link {
  readonly name: string
  readonly pc: RTCPeerConnection
  readonly negotiation: Negotiation
  everConnected: boolean
  giveUp: ReturnType<typeof setTimeout> | undefined
}

/** Both sides open the same channel under this number, so none has to wait for the other to announce it. */
const CHANNEL_ID = 0
/** A silent connection often heals by itself or by an ICE restart; only after this long it counts as gone. */
const GIVE_UP_MS = 30_000

const pageClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as number | undefined),
}

export function createRtcHost(port: MessagePort, options: RtcHostOptions = {}): void {
  const links = new Map<string, Link>()
  const configuration: RTCConfiguration = { iceTransportPolicy: options.relayedOnly ? 'relay' : 'all' }
  let tellAddress = false

  function tell(message: FromPage, transfer: Transferable[] = []): void {
    port.postMessage(message, transfer)
  }

  function tellSignal(link: string, signal: Signal): void {
    if (tellAddress) tell({ type: 'signal', link, signal })
    else if (signal.kind === 'description') {
      tell({ type: 'signal', link, signal: { ...signal, sdp: hidePublicAddressIn(signal.sdp) } })
    } else {
      const candidate = hidePublicAddress(signal.candidate)
      if (candidate !== null) tell({ type: 'signal', link, signal: { ...signal, candidate } })
    }
  }

  function useServers({ servers, ...told }: Extract<ToPage, { type: 'servers' }>): void {
    tellAddress = told.tellAddress
    configuration.iceServers = servers.map(({ url, ...login }) => ({ urls: url, ...login }))
    for (const { pc } of links.values()) pc.setConfiguration(configuration)
  }

  function openLink(name: string, polite: boolean): void {
    const former = links.get(name)
    if (former) dispose(former)
    const pc = new RTCPeerConnection(configuration)
    const negotiation = createNegotiation({
      pc,
      polite,
      // The polite side only learns of a new link by the offer for it, so the first offer has nothing to cross.
      begins: !polite,
      clock: pageClock,
      send: (signal) => tellSignal(name, signal),
      refuses(sdp) {
        if (!isOfAnotherCertificate(pc, sdp)) return false
        closeLink(link, 'the other side came back with another certificate')
        return true
      },
      warn: (what, error) => console.warn(`centram: ${what}`, error),
    })
    const link: Link = { name, pc, negotiation, everConnected: false, giveUp: undefined }
    links.set(name, link)
    connect(link)
  }

  function connect(link: Link): void {
    const { pc, name, negotiation } = link
    pc.onnegotiationneeded = negotiation.needed
    pc.onicecandidate = ({ candidate }) => {
      if (!candidate) return
      const { candidate: text, sdpMid, sdpMLineIndex } = candidate
      tellSignal(name, { kind: 'candidate', candidate: text, mid: sdpMid, line: sdpMLineIndex })
    }
    pc.onconnectionstatechange = () => followState(link)
    tell({ type: 'state', link: name, state: 'connecting' })
    handOver(name, pc.createDataChannel('centram', { negotiated: true, id: CHANNEL_ID }))
    waitBeforeGivingUp(link)
  }

  /** A channel can be transferred only in the task that made it, before anything arrived on it. */
  function handOver(name: string, channel: RTCDataChannel): void {
    if (!options.channelsOnPage) {
      try {
        tell({ type: 'channel', link: name, via: channel }, [channel])
        return
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'DataCloneError') throw error
      }
    }
    const via = relayChannel(channel)
    tell({ type: 'channel', link: name, via }, [via])
  }

  function followState(link: Link): void {
    switch (link.pc.connectionState) {
      case 'connected':
        clearTimeout(link.giveUp)
        link.giveUp = undefined
        tellConnected(link)
        return
      case 'disconnected':
      case 'failed':
        tell({ type: 'state', link: link.name, state: 'interrupted' })
        waitBeforeGivingUp(link)
        if (link.pc.connectionState === 'failed') link.negotiation.restart()
        return
      case 'closed':
        closeLink(link, 'the connection was closed')
        return
      default:
    }
  }

  function tellConnected(link: Link): void {
    const { pc, name } = link
    const localFingerprint = readFingerprint(pc.currentLocalDescription?.sdp)
    const remoteFingerprint = readFingerprint(pc.currentRemoteDescription?.sdp)
    if (!localFingerprint || !remoteFingerprint) {
      closeLink(link, 'the other side named no SHA-256 certificate')
      return
    }
    if (!link.everConnected) {
      tell({ type: 'connected', link: name, localFingerprint, remoteFingerprint })
    }
    link.everConnected = true
    tell({ type: 'state', link: name, state: 'open' })
    void tellPath(link)
    // The agent may change to a better pair at any time; not every browser tells.
    const ice = pc.sctp?.transport.iceTransport
    if (ice) ice.onselectedcandidatepairchange = () => void tellPath(link)
  }

  async function tellPath(link: Link): Promise<void> {
    const path = await readPath(link.pc).catch(() => null)
    if (path && links.get(link.name) === link) tell({ type: 'path', link: link.name, path })
  }

  function waitBeforeGivingUp(link: Link): void {
    link.giveUp ??= setTimeout(() => {
      closeLink(
        link,
        link.everConnected
          ? 'silent for 30 seconds'
          : 'no path between the two browsers was found within 30 seconds; their networks may not reach each other',
      )
    }, GIVE_UP_MS)
  }

  function dispose(link: Link): void {
    clearTimeout(link.giveUp)
    link.negotiation.stop()
    link.pc.onnegotiationneeded = null
    link.pc.onicecandidate = null
    link.pc.onconnectionstatechange = null
    link.pc.close()
  }

  function closeLink(link: Link, reason: string): void {
    if (links.get(link.name) !== link) return
    links.delete(link.name)
    dispose(link)
    tell({ type: 'state', link: link.name, state: 'closed', reason })
  }

  port.onmessage = ({ data }: MessageEvent<ToPage>) => {
    if (data.type === 'servers') {
      useServers(data)
      return
    }
    const link = links.get(data.link)
    if (data.type === 'open') openLink(data.link, data.options.polite)
    else if (!link) return
    else if (data.type === 'signal') link.negotiation.take(data.signal)
    else if (data.type === 'restart-ice') link.negotiation.restart()
    else {
      links.delete(link.name)
      dispose(link)
    }
  }

  // Tells the other sides at once, where a tab that is killed would only fall silent.
  addEventListener('pagehide', () => {
    for (const link of links.values()) link.pc.close()
  })
}

/** DTLS cannot go on with another certificate than the one the connection was made with. */
function isOfAnotherCertificate(pc: RTCPeerConnection, sdp: string): boolean {
  const known = readFingerprint(pc.currentRemoteDescription?.sdp)
  const told = readFingerprint(sdp)
  return known !== undefined && told !== undefined && !sameFingerprint(known, told)
}
