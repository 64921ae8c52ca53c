// Owns this tab's RTCPeerConnections on behalf of the worker: perfect negotiation (W3C WebRTC §10.7), ICE restarts, and
// handing each link's data channel over. It carries signals and states; it never reads a message.

import type { FromPage, ToPage } from '../../worker/node/api.ts'
import { relayChannel } from './channel-relay.ts'
import { readFingerprint, sameFingerprint } from './sdp-fingerprint.ts'

export interface RtcHostOptions {
  /** Keep the data channels on the page and relay their bytes, as browsers without transferable channels need. */
  readonly relay?: boolean
  /** STUN and TURN servers; none by default, so that nothing but the swarm's own server is spoken to. */
  readonly iceServers?: readonly RTCIceServer[]
}

type Signal = Extract<FromPage, { type: 'signal' }>['signal']
type Description = Extract<Signal, { kind: 'description' }>

interface Link {
  readonly name: string
  readonly polite: boolean
  readonly pc: RTCPeerConnection
  makingOffer: boolean
  ignoringOffer: boolean
  settingAnswer: boolean
  everConnected: boolean
  /** Signals are taken one after another. */
  queue: Promise<void>
  giveUp: ReturnType<typeof setTimeout> | undefined
}

/** Both sides open the same channel under this number, so none has to wait for the other to announce it. */
const CHANNEL_ID = 0
/** A silent connection often heals by itself or by an ICE restart; only after this long it counts as gone. */
const GIVE_UP_MS = 30_000

export function createRtcHost(port: MessagePort, options: RtcHostOptions = {}): void {
  const links = new Map<string, Link>()

  function tell(message: FromPage, transfer: Transferable[] = []): void {
    port.postMessage(message, transfer)
  }

  function openLink(name: string, polite: boolean): void {
    const former = links.get(name)
    if (former) dispose(former)
    const link: Link = {
      name,
      polite,
      pc: new RTCPeerConnection({ iceServers: [...(options.iceServers ?? [])] }),
      makingOffer: false,
      ignoringOffer: false,
      settingAnswer: false,
      everConnected: false,
      queue: Promise.resolve(),
      giveUp: undefined,
    }
    links.set(name, link)
    connect(link)
  }

  function connect(link: Link): void {
    const { pc, name } = link
    pc.onnegotiationneeded = () => void offer(link)
    pc.onicecandidate = ({ candidate }) => {
      if (!candidate) return
      const { candidate: text, sdpMid, sdpMLineIndex } = candidate
      tell({
        type: 'signal',
        link: name,
        signal: { kind: 'candidate', candidate: text, mid: sdpMid, line: sdpMLineIndex },
      })
    }
    pc.onconnectionstatechange = () => followState(link)
    tell({ type: 'state', link: name, state: 'connecting' })
    handOver(name, pc.createDataChannel('centram', { negotiated: true, id: CHANNEL_ID }))
    waitBeforeGivingUp(link)
  }

  /** A channel can be transferred only in the task that made it, before anything arrived on it. */
  function handOver(name: string, channel: RTCDataChannel): void {
    if (!options.relay) {
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

  async function offer(link: Link): Promise<void> {
    // To begin is the impolite side's part; the polite one offers only once they know each other.
    if (link.polite && !link.pc.remoteDescription) return
    try {
      link.makingOffer = true
      await link.pc.setLocalDescription()
      sendDescription(link)
    } catch (error) {
      if (links.get(link.name) === link) console.warn('centram: no offer could be made', error)
    } finally {
      link.makingOffer = false
    }
  }

  function sendDescription(link: Link): void {
    const description = link.pc.localDescription
    if (!description || links.get(link.name) !== link) return
    const { type, sdp } = description
    tell({ type: 'signal', link: link.name, signal: { kind: 'description', type, sdp } })
  }

  async function takeSignal(link: Link, signal: Signal): Promise<void> {
    if (links.get(link.name) !== link) return
    try {
      if (signal.kind === 'description') await takeDescription(link, signal)
      else {
        const { candidate, mid, line } = signal
        await link.pc.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: line })
      }
    } catch (error) {
      // Candidates of an offer that was ignored fit nothing here; anything else is worth a word for whoever looks.
      link.settingAnswer = false
      if (!link.ignoringOffer && links.get(link.name) === link) console.warn('centram: a signal was not used', error)
    }
  }

  async function takeDescription(link: Link, description: Description): Promise<void> {
    const { pc } = link
    if (isOfAnotherCertificate(pc, description.sdp)) {
      closeLink(link, 'the other side came back with another certificate')
      return
    }
    if (description.type === 'answer' && pc.signalingState !== 'have-local-offer') return
    const readyForOffer = !link.makingOffer && (pc.signalingState === 'stable' || link.settingAnswer)
    link.ignoringOffer = !link.polite && description.type === 'offer' && !readyForOffer
    if (link.ignoringOffer) return
    link.settingAnswer = description.type === 'answer'
    // In a glare this rolls the polite side's own offer back.
    await pc.setRemoteDescription({ type: description.type, sdp: description.sdp })
    link.settingAnswer = false
    if (description.type !== 'offer') return
    await pc.setLocalDescription()
    sendDescription(link)
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
        if (link.pc.connectionState === 'failed') restartIce(link)
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
  }

  function restartIce(link: Link): void {
    // An offer that was never answered may have been lost on its way: the same one again is what helps.
    if (link.pc.signalingState === 'have-local-offer') sendDescription(link)
    else link.pc.restartIce()
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
    const link = links.get(data.link)
    if (data.type === 'open') openLink(data.link, data.options.polite)
    else if (!link) return
    else if (data.type === 'signal') link.queue = link.queue.then(() => takeSignal(link, data.signal))
    else if (data.type === 'restart-ice') restartIce(link)
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
