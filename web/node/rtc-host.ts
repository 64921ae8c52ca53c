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

interface Link {
  readonly name: string
  readonly polite: boolean
  attempt: number
  pc: RTCPeerConnection
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
const DEFAULT_MESSAGE_SIZE = 65_536

export function createRtcHost(port: MessagePort, options: RtcHostOptions = {}): void {
  const links = new Map<string, Link>()
  let attempts = 0

  function tell(message: FromPage, transfer: Transferable[] = []): void {
    port.postMessage(message, transfer)
  }

  function openLink(name: string, polite: boolean): void {
    const former = links.get(name)
    if (former) dispose(former)
    const link: Link = {
      name,
      polite,
      attempt: ++attempts,
      pc: createConnection(),
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

  function createConnection(): RTCPeerConnection {
    return new RTCPeerConnection({ iceServers: [...(options.iceServers ?? [])] })
  }

  function connect(link: Link): void {
    const { pc, name, attempt } = link
    const current = () => links.get(name) === link && link.pc === pc
    pc.onnegotiationneeded = async () => {
      try {
        link.makingOffer = true
        await pc.setLocalDescription()
        if (current()) sendDescription(link)
      } catch (error) {
        if (current()) console.warn('centram: offer failed', error)
      } finally {
        link.makingOffer = false
      }
    }
    pc.onicecandidate = ({ candidate }) => {
      if (!candidate || !current()) return
      const signal: Signal = {
        kind: 'candidate',
        candidate: candidate.candidate,
        mid: candidate.sdpMid,
        line: candidate.sdpMLineIndex,
      }
      tell({ type: 'signal', link: name, signal })
    }
    pc.onconnectionstatechange = () => {
      if (current()) followState(link)
    }
    tell({ type: 'state', link: name, state: 'connecting' })
    const channel = pc.createDataChannel('centram', { negotiated: true, id: CHANNEL_ID })
    channel.binaryType = 'arraybuffer'
    handOver(name, attempt, channel)
    waitBeforeGivingUp(link)
  }

  /** A channel can be transferred only in the task that made it, before anything arrived on it. */
  function handOver(name: string, attempt: number, channel: RTCDataChannel): void {
    if (!options.relay) {
      try {
        tell({ type: 'channel', link: name, attempt, via: channel }, [channel as unknown as Transferable])
        return
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'DataCloneError') throw error
      }
    }
    const via = relayChannel(channel)
    tell({ type: 'channel', link: name, attempt, via }, [via])
  }

  function followState(link: Link): void {
    const { pc, name, attempt } = link
    switch (pc.connectionState) {
      case 'connected': {
        clearTimeout(link.giveUp)
        link.giveUp = undefined
        link.everConnected = true
        const localFingerprint = readFingerprint(pc.currentLocalDescription?.sdp)
        const remoteFingerprint = readFingerprint(pc.currentRemoteDescription?.sdp)
        if (!localFingerprint || !remoteFingerprint) {
          closeLink(link, 'the other side named no SHA-256 certificate')
          return
        }
        const maxMessageSize = Math.min(pc.sctp?.maxMessageSize ?? DEFAULT_MESSAGE_SIZE, 262_144)
        tell({ type: 'connected', link: name, attempt, localFingerprint, remoteFingerprint, maxMessageSize })
        tell({ type: 'state', link: name, state: 'open' })
        return
      }
      case 'disconnected':
        tell({ type: 'state', link: name, state: 'interrupted' })
        waitBeforeGivingUp(link)
        return
      case 'failed':
        tell({ type: 'state', link: name, state: 'interrupted' })
        waitBeforeGivingUp(link)
        pc.restartIce()
        return
      case 'closed':
        closeLink(link, 'the connection was closed')
        return
      default:
    }
  }

  function waitBeforeGivingUp(link: Link): void {
    link.giveUp ??= setTimeout(() => {
      const reason = link.everConnected
        ? 'it has been silent for 30 seconds'
        : 'no path was found between the two browsers within 30 seconds; they may be in networks that cannot reach each other'
      closeLink(link, reason)
    }, GIVE_UP_MS)
  }

  function sendDescription(link: Link): void {
    const description = link.pc.localDescription
    if (!description) return
    tell({
      type: 'signal',
      link: link.name,
      signal: { kind: 'description', type: description.type, sdp: description.sdp },
    })
  }

  async function takeSignal(link: Link, signal: Signal): Promise<void> {
    if (links.get(link.name) !== link) return
    if (signal.kind === 'candidate') {
      try {
        await link.pc.addIceCandidate({
          candidate: signal.candidate,
          sdpMid: signal.mid,
          sdpMLineIndex: signal.line,
        })
      } catch (error) {
        // Candidates of an offer that was ignored, or of a connection from before a reload, fit nothing here.
        if (!link.ignoringOffer) console.debug('centram: candidate not used', error)
      }
      return
    }
    if (cameFromAnotherCertificate(link, signal.sdp)) {
      // The other tab was reloaded: DTLS cannot go on with another certificate, so this side starts afresh too.
      renew(link)
      if (signal.type !== 'offer') return
    }
    await takeDescription(link, signal)
  }

  async function takeDescription(link: Link, signal: Extract<Signal, { kind: 'description' }>): Promise<void> {
    const { pc } = link
    if (signal.type === 'answer' && pc.signalingState !== 'have-local-offer') return
    const readyForOffer = !link.makingOffer && (pc.signalingState === 'stable' || link.settingAnswer)
    const collision = signal.type === 'offer' && !readyForOffer
    link.ignoringOffer = !link.polite && collision
    if (link.ignoringOffer) return
    try {
      link.settingAnswer = signal.type === 'answer'
      await pc.setRemoteDescription({ type: signal.type, sdp: signal.sdp })
      link.settingAnswer = false
      if (signal.type === 'offer') {
        await pc.setLocalDescription()
        sendDescription(link)
      }
    } catch (error) {
      link.settingAnswer = false
      console.warn('centram: description not used', error)
    }
  }

  function cameFromAnotherCertificate(link: Link, sdp: string): boolean {
    const known = readFingerprint((link.pc.currentRemoteDescription ?? link.pc.remoteDescription)?.sdp)
    const told = readFingerprint(sdp)
    return known !== undefined && told !== undefined && !sameFingerprint(known, told)
  }

  function renew(link: Link): void {
    dispose(link)
    link.attempt = ++attempts
    link.pc = createConnection()
    link.makingOffer = false
    link.ignoringOffer = false
    link.settingAnswer = false
    link.everConnected = false
    connect(link)
  }

  function dispose(link: Link): void {
    clearTimeout(link.giveUp)
    link.giveUp = undefined
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
    else if (data.type === 'restart-ice') link.pc.restartIce()
    else {
      links.delete(link.name)
      dispose(link)
    }
  }

  // Tells the other side at once, where a tab that is killed would only fall silent.
  addEventListener('pagehide', () => {
    for (const link of links.values()) link.pc.close()
  })
}
