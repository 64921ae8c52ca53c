// Links of a headless node: what the page's RTCPeerConnections are to a tab, by libdatachannel (npm package
// `node-datachannel`). It carries signals; it never reads a message.
//
// libdatachannel knows no ICE restart. An offer of one is left unanswered, under which a browser keeps its present path; and
// where nothing arrives on that path any more, the side that begins links makes a new one.

import type { Clock, Timer } from '#core/clock.ts'
import type { IceServer } from '#core/ice-servers.ts'
import { readFingerprint, sameFingerprint } from '#core/sdp/fingerprint.ts'
import { hidePublicAddress, hidePublicAddressIn } from '#core/sdp/public-address.ts'
import type { LinkEvents, LinkSignal, LinkTransport } from '../../worker/net/link-transport.ts'
import { createRtcChannel } from '../../worker/net/rtc-channel.ts'
import { wrapDataChannel, type NativeDataChannel } from './data-channel.ts'
import { isUsableCandidate, isUsableDescription } from './signal-checks.ts'

/** What is used of node-datachannel's PeerConnection. */
export interface NativeConnection {
  close(): void
  setLocalDescription(type: 'offer' | 'answer'): void
  setRemoteDescription(sdp: string, type: 'offer' | 'answer'): void
  localDescription(): { readonly sdp: string } | null
  remoteDescription(): { readonly sdp: string } | null
  addRemoteCandidate(candidate: string, mid: string): void
  createDataChannel(label: string, config: { negotiated: boolean; id: number }): NativeDataChannel
  signalingState(): string
  bytesReceived(): number
  getSelectedCandidatePair(): {
    readonly local: { readonly type: string }
    readonly remote: { readonly type: string }
  } | null
  onLocalDescription(listener: (sdp: string, type: string) => void): void
  onLocalCandidate(listener: (candidate: string, mid: string) => void): void
  onStateChange(listener: (state: string) => void): void
}

export interface NativeIceServer {
  readonly hostname: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  readonly relayType?: 'TurnUdp'
}

export interface NativeConfiguration {
  readonly iceServers: (string | NativeIceServer)[]
  readonly disableAutoNegotiation: true
  readonly iceTransportPolicy?: 'relay'
}

export interface RtcTransportOptions {
  readonly clock: Clock
  connect(name: string, configuration: NativeConfiguration): NativeConnection
  /** Something that could not be used, and that nothing need be done about. */
  readonly warn: (what: string) => void
}

interface Link {
  readonly name: string
  readonly polite: boolean
  readonly pc: NativeConnection
  readonly channel: ReturnType<typeof createRtcChannel>
  /** Number of the offer that was answered. */
  answered: number
  everConnected: boolean
  channelOpen: boolean
  told: boolean
  giveUp: Timer | null
  repeat: Timer | null
  /** What had arrived when the other side last asked for a new path. */
  heardAtRestart: number | null
}

/** Both sides open the same channel under this number, so none has to wait for the other to announce it. */
const CHANNEL_ID = 0
/** As on a page (web/node/rtc-host.ts): a silent connection often heals by itself. */
const GIVE_UP_MS = 30_000
/** An unanswered offer is repeated after this time, then after twice of it and so on. */
const FIRST_REPEAT_MS = 2_000
const LAST_REPEAT_MS = 8_000
/** The one offer of a link: there are no others, for want of ICE restarts. */
const THE_OFFER = 1
const STUN_PORT = 3478

export function createRtcTransport({ clock, connect, warn }: RtcTransportOptions): LinkTransport {
  const links = new Map<string, Link>()
  let events: LinkEvents | null = null
  let iceServers: (string | NativeIceServer)[] = []
  let tellAddress = false

  const isCurrent = (link: Link) => links.get(link.name) === link

  function tellSignal(link: Link, signal: LinkSignal): void {
    if (!isCurrent(link)) return
    if (tellAddress) events?.onSignal(link.name, signal)
    else if (signal.kind === 'description') {
      events?.onSignal(link.name, { ...signal, sdp: hidePublicAddressIn(signal.sdp) })
    } else {
      const candidate = hidePublicAddress(signal.candidate)
      if (candidate !== null) events?.onSignal(link.name, { ...signal, candidate })
    }
  }

  function openLink(name: string, polite: boolean): void {
    const former = links.get(name)
    if (former) dispose(former)
    const pc = connect(name, { iceServers: [...iceServers], disableAutoNegotiation: true })
    const native = wrapDataChannel(pc.createDataChannel('centram', { negotiated: true, id: CHANNEL_ID }))
    const link: Link = {
      name,
      polite,
      pc,
      channel: createRtcChannel(native),
      answered: 0,
      everConnected: false,
      channelOpen: false,
      told: false,
      giveUp: null,
      repeat: null,
      heardAtRestart: null,
    }
    links.set(name, link)
    native.addEventListener('open', () => {
      link.channelOpen = true
      tellOpened(link)
    })
    pc.onLocalDescription((sdp, type) => {
      if (type === 'offer') sendOffer(link, sdp)
      else if (type === 'answer') tellSignal(link, { kind: 'description', type, sdp, offer: link.answered })
    })
    pc.onLocalCandidate((text, mid) =>
      tellSignal(link, { kind: 'candidate', candidate: text.replace(/^a=/, ''), mid, line: 0 }),
    )
    pc.onStateChange((state) => isCurrent(link) && followState(link, state))
    events?.onState(name, 'connecting')
    waitBeforeGivingUp(link)
    if (!polite) pc.setLocalDescription('offer')
  }

  function sendOffer(link: Link, sdp: string, pause = FIRST_REPEAT_MS): void {
    if (!isCurrent(link)) return
    tellSignal(link, { kind: 'description', type: 'offer', sdp, offer: THE_OFFER })
    link.repeat = clock.setTimeout(() => {
      const again =
        isCurrent(link) && link.pc.signalingState() === 'have-local-offer' ? link.pc.localDescription() : null
      if (again) sendOffer(link, again.sdp, Math.min(LAST_REPEAT_MS, 2 * pause))
    }, pause)
  }

  function followState(link: Link, state: string): void {
    if (state === 'connected') {
      if (link.giveUp !== null) clock.clearTimeout(link.giveUp)
      link.giveUp = null
      link.everConnected = true
      tellOpened(link)
      events?.onState(link.name, 'open')
      const pair = link.pc.getSelectedCandidatePair()
      if (pair) {
        const relayed = pair.local.type === 'relay' || pair.remote.type === 'relay'
        events?.onPath(link.name, relayed ? 'relayed' : 'direct')
      }
    } else if (state === 'disconnected') {
      events?.onState(link.name, 'interrupted')
      waitBeforeGivingUp(link)
    } else if (state === 'failed' || state === 'closed') {
      closeLink(link, link.everConnected ? 'the connection was lost' : 'no path between the two nodes was found')
    }
  }

  /** Once both stand: the connection, whose certificates are known then, and the channel over it. */
  function tellOpened(link: Link): void {
    if (!link.everConnected || !link.channelOpen || link.told || !isCurrent(link)) return
    const localFingerprint = readFingerprint(link.pc.localDescription()?.sdp)
    const remoteFingerprint = readFingerprint(link.pc.remoteDescription()?.sdp)
    if (!localFingerprint || !remoteFingerprint) {
      closeLink(link, 'the other side named no SHA-256 certificate')
      return
    }
    link.told = true
    events?.onOpen(link.name, { channel: link.channel, localFingerprint, remoteFingerprint })
  }

  function takeOffer(link: Link, sdp: string, number: number): void {
    if (number === link.answered) {
      const answer = link.pc.localDescription()
      if (answer) tellSignal(link, { kind: 'description', type: 'answer', sdp: answer.sdp, offer: number })
    } else if (link.polite && link.answered === 0) {
      link.answered = number
      link.pc.setRemoteDescription(sdp, 'offer')
      link.pc.setLocalDescription('answer')
    } else if (link.everConnected) {
      // The other side looks for a new path, and says so again every few seconds.
      const heard = link.pc.bytesReceived()
      const isDead = link.heardAtRestart === heard
      link.heardAtRestart = heard
      if (isDead && !link.polite) closeLink(link, 'the path broke, and the other side looks for a new one')
    }
  }

  function takeDescription(link: Link, { type, sdp, offer }: Extract<LinkSignal, { kind: 'description' }>): void {
    if (!isUsableDescription(sdp)) {
      warn('a description that is none')
      return
    }
    if (isOfAnotherCertificate(link.pc, sdp)) {
      closeLink(link, 'the other side came back with another certificate')
    } else if (type === 'offer') takeOffer(link, sdp, offer)
    else if (type === 'answer' && offer === THE_OFFER && link.pc.signalingState() === 'have-local-offer') {
      link.pc.setRemoteDescription(sdp, 'answer')
    }
  }

  function takeSignal(link: Link, signal: LinkSignal): void {
    try {
      if (signal.kind === 'description') takeDescription(link, signal)
      else if (isUsableCandidate(signal.candidate)) link.pc.addRemoteCandidate(signal.candidate, signal.mid ?? '0')
    } catch (error) {
      // Candidates of an offer that was left unanswered fit nothing here.
      warn(`a signal was not used (${signal.kind}): ${String(error)}`)
    }
  }

  function waitBeforeGivingUp(link: Link): void {
    link.giveUp ??= clock.setTimeout(() => {
      closeLink(
        link,
        link.everConnected
          ? 'silent for 30 seconds'
          : 'no path between the two nodes was found within 30 seconds; their networks may not reach each other',
      )
    }, GIVE_UP_MS)
  }

  function dispose(link: Link): void {
    if (link.giveUp !== null) clock.clearTimeout(link.giveUp)
    if (link.repeat !== null) clock.clearTimeout(link.repeat)
    link.pc.close()
  }

  function closeLink(link: Link, reason: string): void {
    if (!isCurrent(link)) return
    links.delete(link.name)
    dispose(link)
    events?.onState(link.name, 'closed', reason)
  }

  return {
    listen(listener) {
      events = listener
    },
    useServers(servers, tell) {
      tellAddress = tell
      iceServers = servers.flatMap((server) => nativeServer(server) ?? [])
    },
    open: (name, { polite }) => openLink(name, polite),
    signal(name, signal) {
      const link = links.get(name)
      if (link) takeSignal(link, signal)
    },
    // There are none here: what heals does so by itself, and what does not is given up.
    restartIce: () => undefined,
    close(name) {
      const link = links.get(name)
      if (!link) return
      links.delete(name)
      dispose(link)
    },
  }
}

/** As libdatachannel takes it; undefined for TURN over TCP or TLS, which it has not been built with. */
export function nativeServer({ url, username, credential }: IceServer): NativeIceServer | undefined {
  const match = /^(stun|turn):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/i.exec(url)
  const [, kind, host, port, transport] = match ?? []
  if (kind === undefined || host === undefined || transport?.toLowerCase() === 'tcp') return undefined
  const place = { hostname: host.replace(/^\[|\]$/g, ''), port: port === undefined ? STUN_PORT : Number(port) }
  if (kind.toLowerCase() === 'stun') return place
  return {
    ...place,
    relayType: 'TurnUdp',
    ...(username !== undefined && { username }),
    ...(credential !== undefined && { password: credential }),
  }
}

/** DTLS cannot go on with another certificate than the one the connection was made with. */
function isOfAnotherCertificate(pc: NativeConnection, sdp: string): boolean {
  const known = readFingerprint(pc.remoteDescription()?.sdp)
  const told = readFingerprint(sdp)
  return known !== undefined && told !== undefined && !sameFingerprint(known, told)
}
