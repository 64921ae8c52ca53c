// A LinkTransport within one process, for tests and simulations: offers, answers and candidates are exchanged as between
// tabs, but the channel they lead to is memory. Two transports meet in a shared `MemoryNetwork`.

import { createMemoryLink, type MemoryLink, type MemoryLinkOptions } from './memory-channel.ts'
import type { LinkEvents, LinkOptions, LinkState, LinkTransport } from './link-transport.ts'

export interface MemoryNetwork {
  createTransport(name: string): LinkTransport
  /** Every link now open between two named transports. */
  linksBetween(a: string, b: string): readonly MemoryLink[]
  /** The transport falls silent, as a killed process does: no close reaches the other side. */
  kill(name: string): void
}

interface Offer {
  readonly transport: string
  readonly link: string
}

interface Established {
  readonly link: MemoryLink
  readonly names: readonly [string, string]
}

/** Stands for a DTLS certificate in the SDP of real transports. */
const NO_FINGERPRINT = new Uint8Array(32)

export function createMemoryNetwork(options: MemoryLinkOptions = {}): MemoryNetwork {
  const established = new Set<Established>()
  const dead = new Set<string>()
  const transports = new Map<string, { open(link: string, end: 0 | 1, memory: MemoryLink): void }>()

  const establish = (offer: Offer, answer: Offer) => {
    const link = createMemoryLink(options)
    const entry: Established = { link, names: [offer.transport, answer.transport] }
    established.add(entry)
    link.ends[0].onClose(() => established.delete(entry))
    transports.get(offer.transport)?.open(offer.link, 0, link)
    transports.get(answer.transport)?.open(answer.link, 1, link)
  }

  const createTransport = (name: string): LinkTransport => {
    let events: LinkEvents | null = null
    const links = new Map<string, { polite: boolean; memory: MemoryLink | null }>()
    const state = (link: string, value: LinkState, reason?: string) => events?.onState(link, value, reason)
    const describe = (link: string, type: 'offer' | 'answer') => {
      if (dead.has(name)) return
      events?.onSignal(link, { kind: 'description', type, sdp: JSON.stringify({ transport: name, link }), offer: 1 })
      events?.onSignal(link, { kind: 'candidate', candidate: `memory ${name}`, mid: '0', line: 0 })
    }
    transports.set(name, {
      open(link, end, memory) {
        const entry = links.get(link)
        if (entry === undefined || dead.has(name)) return
        entry.memory = memory
        memory.ends[end].onClose((reason) => {
          if (links.get(link) === entry && !dead.has(name)) state(link, 'closed', reason)
        })
        events?.onOpen(link, {
          channel: memory.ends[end],
          localFingerprint: NO_FINGERPRINT,
          remoteFingerprint: NO_FINGERPRINT,
        })
        state(link, 'open')
        events?.onPath(link, 'direct')
      },
    })
    return {
      listen(listener) {
        events = listener
      },
      useServers: () => undefined,
      open(link, { polite }: LinkOptions) {
        links.set(link, { polite, memory: null })
        // Both sides offer, as negotiated data channels do, so that every connection begins with a glare.
        queueMicrotask(() => {
          if (links.has(link)) describe(link, 'offer')
        })
      },
      signal(link, signal) {
        const entry = links.get(link)
        if (entry === undefined || signal.kind !== 'description' || dead.has(name)) return
        const remote = JSON.parse(signal.sdp) as Offer
        if (signal.type === 'offer') {
          // Perfect negotiation: the impolite side ignores an offer that crosses its own.
          if (!entry.polite) return
          describe(link, 'answer')
        } else if (signal.type === 'answer' && entry.memory === null) {
          establish({ transport: name, link }, remote)
        }
      },
      restartIce: () => undefined,
      close(link) {
        const entry = links.get(link)
        links.delete(link)
        entry?.memory?.ends[0].close('closed by the transport')
        entry?.memory?.ends[1].close('closed by the transport')
      },
    }
  }

  return {
    createTransport,
    linksBetween: (a, b) =>
      [...established].filter(({ names }) => names.includes(a) && names.includes(b)).map(({ link }) => link),
    kill(name) {
      dead.add(name)
      for (const { link, names } of established) if (names.includes(name)) link.interrupt()
    },
  }
}
