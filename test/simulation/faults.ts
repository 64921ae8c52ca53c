// What goes wrong in a simulated world, how often, and how many times it did, by kind. A fault counts when it took effect.

import { concatBytes } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { layFrame, looksLikeFrame, readHeader } from '#core/protocol/frame.ts'
import { typeByte } from '#core/protocol/message.ts'
import { messageNamed } from '#core/protocol/registry.ts'
import type { TransferFault } from './origin.ts'
import type { Dice } from './random.ts'
import type { Relay } from './meeting-place.ts'
import type { Tamper, Wire } from './wires.ts'

/** Those of single messages, with the chance of each. */
export interface MessageFaults {
  /** On an open link: only a hostile or broken peer does these to a reliable channel. */
  readonly link: number
  /** To a signal that the server relays. */
  readonly relay: number
}

export const FAULT_KINDS = [
  'packet lost',
  'message dropped',
  'message repeated',
  'message reordered',
  'message spoiled',
  'message cut short',
  'message forged',
  'message of another session',
  'signal dropped',
  'signal repeated',
  'signal held back',
  'signal spoiled',
  'transfer failed',
  'link silent',
  'link stale',
  'link cut',
  'partition',
  'crash',
  'machine crash',
  'torn write',
  'tab closed',
  'node left the room',
  'server stopped',
  'socket broken',
  'pause',
  'clock drift',
  'date jump',
  'eviction',
  'disk full',
  'disk error',
  'GPU lost',
  'step failed',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export interface FaultCounts {
  count(kind: FaultKind, times?: number): void
  readonly total: number
  /** Whether a message of a link was tampered with. */
  readonly tampered: boolean
  readonly byKind: ReadonlyMap<FaultKind, number>
}

export function createFaultCounts(): FaultCounts {
  const byKind = new Map<FaultKind, number>()
  let total = 0
  let tampered = false
  return {
    byKind,
    get total() {
      return total
    },
    get tampered() {
      return tampered
    },
    count(kind, times = 1) {
      if (kind.startsWith('message')) tampered = true
      if (times === 0) return
      byKind.set(kind, (byKind.get(kind) ?? 0) + times)
      total += times
    },
  }
}

const KEPT_SESSIONS = 64

/** A wire that does what SCTP never does, one message in `1 / chance()`. */
export function createTampering(dice: Dice, counts: FaultCounts, chance: () => number): Tamper {
  const held = new WeakMap<Wire, [Uint8Array<ArrayBuffer> | null, Uint8Array<ArrayBuffer> | null]>()
  /** Frames of sessions that were, by direction and number: the most tempting ones to bring again. */
  const old = new Map<string, Map<number, Uint8Array<ArrayBuffer>>>()

  const keep = (key: string, sequence: number, message: Uint8Array<ArrayBuffer>): void => {
    const kept = old.get(key) ?? new Map<number, Uint8Array<ArrayBuffer>>()
    old.set(key, kept)
    if (kept.size < KEPT_SESSIONS && !kept.has(sequence) && sequence < 2 * KEPT_SESSIONS) kept.set(sequence, message)
  }

  return (wire, from, message) => {
    const waiting = held.get(wire)
    const before = waiting?.[from]
    if (waiting && before) {
      waiting[from] = null
      return [message, before]
    }
    const isFrame = looksLikeFrame(message)
    const key = `${wire.ends[from].split('.')[0]!}>${wire.ends[1 - from]!.split('.')[0]!}`
    const header = isFrame ? readHeader(message) : null
    const earlier = header ? old.get(key)?.get(header.sequence) : undefined
    if (!dice.chance(chance())) {
      if (header && message.length < 4096) keep(key, header.sequence, message)
      return [message]
    }
    const kinds: FaultKind[] = [
      'message dropped',
      'message repeated',
      'message reordered',
      'message spoiled',
      'message cut short',
    ]
    if (header) kinds.push('message forged', 'message forged')
    if (earlier && header && !sameSession(earlier, message)) {
      kinds.push('message of another session', 'message of another session')
    }
    const kind = dice.pick(kinds)
    counts.count(kind)
    switch (kind) {
      case 'message dropped':
        return []
      case 'message repeated':
        return [message, message.slice()]
      case 'message reordered': {
        const entry = waiting ?? [null, null]
        entry[from] = message
        held.set(wire, entry)
        return []
      }
      case 'message cut short':
        return [message.slice(0, dice.whole(0, message.length - 1))]
      case 'message forged':
        return [forge(dice, message), message]
      case 'message of another session':
        return [earlier!.slice(), message]
      default:
        return [spoil(dice, message)]
    }
  }
}

/** A frame in the name of the wire's other end: right in everything but its signature. */
function forge(dice: Dice, model: Uint8Array): Uint8Array<ArrayBuffer> {
  const { session, sequence } = readHeader(model)
  const body = encodeCanonical({
    name: `FORGED ${dice.whole(0, 1e9)}`,
    light: true,
    gpu: '',
    budgetBytes: 0,
    bytesPerSecond: 0,
    models: [],
  })
  const header = {
    type: typeByte(messageNamed('PEER_CAPABILITIES')),
    bodyBytes: body.length,
    tailBytes: 0,
    session,
    sequence,
  }
  const frame = layFrame(header, body, new Uint8Array(0))
  const signature = dice.chance(0.5) ? dice.bytes(64) : model.subarray(model.length - 64)
  frame.set(signature, frame.length - 64)
  return frame
}

function spoil(dice: Dice, message: Uint8Array): Uint8Array<ArrayBuffer> {
  if (dice.chance(0.2)) return concatBytes(message, dice.bytes(dice.whole(1, 16)))
  const spoiled = message.slice()
  for (let left = dice.whole(1, 3); left > 0; left--) {
    const at = dice.whole(0, spoiled.length - 1)
    spoiled[at] = spoiled[at]! ^ (1 << dice.whole(0, 7))
  }
  return spoiled
}

function sameSession(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a.subarray(16, 32), b.subarray(16, 32)) === 0
}

/** What an unreliable or curious server does to the signals of others. */
export function createPostOffice(dice: Dice, counts: FaultCounts, chance: () => number): Relay {
  return (frame) => {
    if (!dice.chance(chance())) return [{ frame, delay: 0 }]
    const kind = dice.pick<FaultKind>(['signal dropped', 'signal repeated', 'signal held back', 'signal spoiled'])
    counts.count(kind)
    switch (kind) {
      case 'signal dropped':
        return []
      case 'signal repeated':
        return [
          { frame, delay: 0 },
          { frame, delay: dice.between(0, 5000) },
        ]
      case 'signal held back':
        return [{ frame, delay: dice.between(1, 3000) }]
      default:
        return [{ frame: spoil(dice, frame), delay: 0 }]
    }
  }
}

export function createTransferFaults(dice: Dice, counts: FaultCounts, chance: () => number): () => TransferFault {
  return () => {
    if (!dice.chance(chance())) return 'none'
    counts.count('transfer failed')
    return dice.pick<TransferFault>(['refused', 'unavailable', 'breaks', 'breaks', 'stalls'])
  }
}
