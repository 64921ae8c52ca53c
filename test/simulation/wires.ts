// The network between simulated tabs: a LinkTransport for each process, and between two of them a path with delay and jitter
// that can fall silent, heal, need an ICE restart, break, or belong to somebody who tampers with what passes.

import { createDrain } from '#core/drain.ts'
import { CentramError } from '#core/errors.ts'
import { HIGH_WATER_BYTES, type Channel } from '../../worker/net/channel.ts'
import type { LinkEvents, LinkSignal, LinkTransport } from '../../worker/net/link-transport.ts'
import type { SimulatedProcess } from './process.ts'
import type { Dice } from './random.ts'
import type { Schedule } from './schedule.ts'

/** An established connection between two processes, as faults see it. */
export interface Wire {
  readonly ends: readonly [string, string]
  /** `stale` heals only by an ICE restart. */
  readonly path: 'up' | 'down' | 'stale'
  readonly closed: boolean
  silence(): void
  goStale(): void
  heal(): void
  /** Both sides see the connection break. */
  cut(): void
}

/** What arrives instead of `message`; called for each message of a wire, with what passed on it before. */
export type Tamper = (wire: Wire, from: 0 | 1, message: Uint8Array<ArrayBuffer>) => readonly Uint8Array<ArrayBuffer>[]

export interface Wires {
  createTransport(process: SimulatedProcess, certificate: Uint8Array): LinkTransport
  /** Those that are open. */
  open(): readonly Wire[]
  tamper: Tamper
  /** Whether a message loses a packet on its way: SCTP sends it again, and all that follows waits for it. */
  losesPacket: () => boolean
  /** Whether two places can reach each other, for connections yet to be made; by name of the process. */
  reachable: (a: string, b: string) => boolean
  /** One way, in milliseconds. */
  delay: (a: string, b: string) => number
  /** Bytes that one connection carries in a millisecond each way; several carry more. */
  rate: (a: string, b: string) => number
}

/** Browsers report `disconnected` after about five seconds without an answer to their checks. */
const NOTICED_AFTER_MS = 5000
/** SCTP's first retransmission timeout (RFC 9260, RTO.Min); a fast retransmission takes less. */
const MOST_RESEND_MS = 1000
const MAX_MESSAGE_BYTES = 64 * 1024

interface Endpoint {
  readonly process: SimulatedProcess
  readonly certificate: Uint8Array
  readonly events: () => LinkEvents | null
  readonly links: Map<string, LinkEntry>
}

interface LinkEntry {
  readonly polite: boolean
  offers: number
  wire: OpenWire | null
}

interface OpenWire extends Wire {
  restart(): void
  closeFrom(end: 0 | 1, reason: string): void
}

interface Description {
  readonly name: string
  readonly restart: boolean
}

export function createWires(schedule: Schedule, dice: Dice): Wires {
  const endpoints = new Map<string, Endpoint>()
  const open = new Set<OpenWire>()
  const wires: Wires = {
    createTransport,
    open: () => [...open],
    tamper: (_wire, _from, message) => [message],
    losesPacket: () => false,
    reachable: () => true,
    delay: () => 5,
    rate: () => 5000,
  }

  function establish(link: string, offerer: Endpoint, answerer: Endpoint): void {
    const sides = [offerer, answerer] as const
    const entries = sides.map((side) => side.links.get(link))
    if (entries.some((entry) => entry === undefined || entry.wire !== null)) return
    if (sides.some(({ process }) => !process.alive)) return
    const wire = createWire(link, sides)
    open.add(wire)
    for (const entry of entries) entry!.wire = wire
  }

  function createWire(link: string, sides: readonly [Endpoint, Endpoint]): OpenWire {
    let path: Wire['path'] = 'up'
    let closed = false
    let held: (() => void)[] = []
    const names = sides.map(({ process }) => process.name) as [string, string]
    const oneWay = wires.delay(...names)
    const rate = wires.rate(...names)
    const state = (end: 0 | 1, value: 'open' | 'interrupted' | 'closed', reason?: string): void =>
      sides[end].process.enter(() => {
        if (sides[end].links.get(link)?.wire === wire) sides[end].events()?.onState(link, value, reason)
      })
    const noticed = [false, false]
    const fall = (how: 'down' | 'stale'): void => {
      if (closed || path !== 'up') return
      path = how
      schedule.after(NOTICED_AFTER_MS, `${names.join(' ~ ')} is noticed to be silent`, () => {
        if (path === 'up' || closed) return
        for (const end of [0, 1] as const) {
          noticed[end] = true
          state(end, 'interrupted')
        }
      })
    }
    const passes: { arrive(what: () => void): void; last: number; free: number }[] = [0, 1].map(() => ({
      last: 0,
      free: 0,
      arrive: (what) => {
        if (path === 'up') what()
        else held.push(what)
      },
    }))
    /** In order, as SCTP delivers; what comes while the path is silent waits for it. */
    const travel = (from: 0 | 1, bytes: number, label: string, arrived: () => void): void => {
      const pass = passes[from]!
      const resent = wires.losesPacket() ? dice.between(2 * oneWay, MOST_RESEND_MS) : 0
      pass.free = Math.max(pass.free, schedule.now()) + bytes / rate
      pass.last = Math.max(pass.last + 0.001, pass.free + oneWay * dice.between(0.8, 1.6) + resent)
      schedule.after(pass.last - schedule.now(), label, () => pass.arrive(arrived))
    }
    const channels = [0, 1].map((end) => createEnd(end as 0 | 1)) as [End, End]

    function createEnd(end: 0 | 1): End {
      const other = (1 - end) as 0 | 1
      let buffered = 0
      let ended: string | null = null
      let listener: ((message: Uint8Array<ArrayBuffer>) => void) | null = null
      let early: Uint8Array<ArrayBuffer>[] = []
      const closeListeners: ((reason: string) => void)[] = []
      const drain = createDrain(() => buffered)
      const gone = () => new CentramError('CHANNEL_CLOSED', `The channel is closed: ${ended ?? 'unknown reason'}.`)
      const channel: Channel = {
        maxMessageSize: MAX_MESSAGE_BYTES,
        send(message) {
          if (ended !== null) throw gone()
          if (message.length > MAX_MESSAGE_BYTES) throw new CentramError('FRAME_TOO_LARGE', 'The message is too large.')
          const copy = message.slice()
          buffered += copy.length
          travel(end, copy.length, `${names[end]} > ${names[other]} ${copy.length} ${digest(copy)}`, () => {
            buffered -= copy.length
            sides[end].process.enter(() => drain.shrunk())
            for (const arriving of wires.tamper(wire, end, copy)) channels[other].receive(arriving)
          })
        },
        drained: (bytes = HIGH_WATER_BYTES) => drain.below(bytes),
        get bufferedBytes() {
          return buffered
        },
        onMessage(listen) {
          listener = listen
          const messages = early
          early = []
          for (const message of messages) listen(message)
        },
        onClose(listen) {
          if (ended !== null) listen(ended)
          else closeListeners.push(listen)
        },
        close(reason = 'closed here') {
          if (ended !== null) return
          self.end(reason)
          travel(end, 0, `${names[end]} > ${names[other]} closes`, () => {
            sides[other].process.enter(() => channels[other].end(reason))
          })
        },
      }
      const self: End = {
        channel,
        receive(message) {
          sides[end].process.enter(() => {
            if (ended !== null) return
            if (listener === null) early.push(message)
            else listener(message)
          })
        },
        end(reason) {
          if (ended !== null) return
          ended = reason
          drain.fail(gone())
          for (const listen of closeListeners) listen(reason)
        },
      }
      return self
    }

    const close = (): void => {
      closed = true
      open.delete(wire)
    }
    const wire: OpenWire = {
      ends: names,
      get path() {
        return path
      },
      get closed() {
        return closed
      },
      silence: () => fall('down'),
      goStale: () => fall('stale'),
      heal() {
        if (path === 'up') return
        path = 'up'
        const arriving = held
        held = []
        for (const arrive of arriving) arrive()
        for (const end of [0, 1] as const) {
          if (noticed[end]) state(end, 'open')
          noticed[end] = false
        }
      },
      restart() {
        if (path === 'stale') wire.heal()
      },
      cut() {
        if (closed) return
        close()
        for (const end of [0, 1] as const) {
          sides[end].process.enter(() => channels[end].end('the connection broke'))
          state(end, 'closed', 'the connection broke')
        }
      },
      closeFrom(end, reason) {
        if (closed) return
        close()
        channels[end].end(reason)
        const other = (1 - end) as 0 | 1
        travel(end, 0, `${names[end]} > ${names[other]} ends`, () => {
          sides[other].process.enter(() => channels[other].end(reason))
          state(other, 'closed', reason)
        })
      },
    }
    for (const end of [0, 1] as const) {
      const { process, events, links } = sides[end]
      // Both sides of a DTLS handshake end at times of their own.
      process.after(oneWay * dice.between(2, 4), `connects to ${names[1 - end]!}`, () => {
        if (links.get(link)?.wire !== wire || closed) return
        events()?.onOpen(link, {
          channel: channels[end].channel,
          localFingerprint: sides[end].certificate,
          remoteFingerprint: sides[1 - end]!.certificate,
        })
        state(end, 'open')
        events()?.onPath(link, 'direct')
      })
    }
    return wire
  }

  function createTransport(process: SimulatedProcess, certificate: Uint8Array): LinkTransport {
    let events: LinkEvents | null = null
    const links = new Map<string, LinkEntry>()
    const self: Endpoint = { process, certificate, events: () => events, links }
    endpoints.set(process.name, self)
    process.onKill(() => {
      endpoints.delete(process.name)
      for (const { wire } of links.values()) wire?.silence()
    })
    const describe = (link: string, type: 'offer' | 'answer', offer: number, restart = false): void => {
      const sdp = JSON.stringify({ name: process.name, restart } satisfies Description)
      events?.onSignal(link, { kind: 'description', type, sdp, offer })
      events?.onSignal(link, { kind: 'candidate', candidate: `simulated ${process.name}`, mid: '0', line: 0 })
    }
    return {
      listen(listener) {
        events = listener
      },
      useServers: () => undefined,
      open(link, { polite }) {
        const entry: LinkEntry = { polite, offers: 0, wire: null }
        links.set(link, entry)
        // Both sides offer, as negotiated data channels do, so that every connection begins with a glare.
        process.after(dice.between(1, 30), 'offers', () => {
          if (links.get(link) === entry) describe(link, 'offer', ++entry.offers)
        })
      },
      signal(link, signal: LinkSignal) {
        const entry = links.get(link)
        if (entry === undefined || signal.kind !== 'description') return
        const { name, restart } = parse(signal.sdp)
        const other = endpoints.get(name)
        if (signal.type === 'offer') {
          // Perfect negotiation: the impolite side ignores an offer that crosses its own.
          if (!entry.polite && !restart) return
          describe(link, 'answer', signal.offer, restart)
        } else if (signal.type === 'answer' && signal.offer === entry.offers) {
          if (restart) {
            if (wires.reachable(process.name, name)) entry.wire?.restart()
          } else if (entry.wire === null && other && wires.reachable(process.name, name)) establish(link, self, other)
        }
      },
      restartIce(link) {
        const entry = links.get(link)
        if (entry?.wire) describe(link, 'offer', ++entry.offers, true)
      },
      close(link) {
        const entry = links.get(link)
        links.delete(link)
        entry?.wire?.closeFrom(entry.wire.ends[0] === process.name ? 0 : 1, 'closed by the transport')
      },
    }
  }
  return wires
}

interface End {
  readonly channel: Channel
  receive(message: Uint8Array<ArrayBuffer>): void
  end(reason: string): void
}

function parse(sdp: string): Description {
  const { name, restart } = JSON.parse(sdp) as Partial<Description>
  return { name: name ?? '', restart: restart === true }
}

/** FNV-1a, enough to show in a trace that other bytes passed. */
function digest(bytes: Uint8Array): string {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16)
}
