// What a message is: one declaration, from which its type byte, codec, handler type, limits and tests follow.

import type { z } from 'zod/mini'

/** The twelve families, in the order that gives their type bytes: family × 8 + index. */
export const FAMILIES = [
  'session',
  'stream',
  'signal',
  'peer',
  'gossip',
  'content',
  'infer',
  'pipe',
  'genome',
  'gate',
  'ledger',
  'proof',
] as const

export type Family = (typeof FAMILIES)[number]

/**
 * Where a conversation stands. A link between nodes goes `greeting` → `proving` → `open`; a connection to the signalling
 * server goes `challenged` → `registered`. `relayed` frames travel inside the latter, signed from node to node.
 */
export type SessionState = 'greeting' | 'proving' | 'open' | 'challenged' | 'registered' | 'relayed'

/** Who may send it: either end, only one end of the greeting, or only one side of the server connection. */
export type Direction = 'any' | 'initiator' | 'responder' | 'to-server' | 'from-server'

/** How often one peer may send it; the numbers are in rates.ts. */
export type RateClass = 'handshake' | 'heartbeat' | 'control' | 'gossip' | 'stream' | 'bulk' | 'tensor'

/** What may follow the body: nothing, little-endian 4-byte elements, or bytes that are at least one. */
export type TailKind = 'none' | 'f32' | 'u32-f32' | 'bytes'

/** Bulk frames wait whenever others want to leave; each priority is numbered and ordered on its own. */
export type Priority = 'interactive' | 'bulk'

export interface MessageDefinition<Name extends string = string, Body extends z.core.$ZodType = z.core.$ZodType> {
  readonly family: Family
  /** 0 to 7 within the family. Never changes once released. */
  readonly index: number
  readonly name: Name
  /** One line for the generated documentation. */
  readonly summary: string
  readonly body: Body
  readonly tail: TailKind
  /** Bytes of the encoded body, at most. */
  readonly maxBody: number
  readonly maxTail: number
  /** Why it may be that large; every message beyond 64 KiB says so. */
  readonly large?: string
  readonly rate: RateClass
  readonly states: readonly SessionState[]
  readonly direction: Direction
  /** Whether a tail of this many bytes belongs to this body; without it any length up to `maxTail` does. */
  readonly tailFits?: (body: z.infer<Body>, tailBytes: number) => boolean
}

export function defineMessage<const Name extends string, Body extends z.core.$ZodType>(
  definition: MessageDefinition<Name, Body>,
): MessageDefinition<Name, Body> {
  return definition
}

/** What a message between two open nodes need not say. */
type PeerDefaults = 'tail' | 'maxTail' | 'states' | 'direction'

/** Declares a message that either of two nodes may send once their session is open, and without a tail unless it says so. */
export function definePeerMessage<const Name extends string, Body extends z.core.$ZodType>(
  definition: Omit<MessageDefinition<Name, Body>, PeerDefaults> & Partial<MessageDefinition<Name, Body>>,
): MessageDefinition<Name, Body> {
  return { tail: 'none', maxTail: 0, states: ['open'], direction: 'any', ...definition }
}

export function priorityOf({ rate }: { readonly rate: RateClass }): Priority {
  return rate === 'bulk' ? 'bulk' : 'interactive'
}

/** The byte of the header that names a message. */
export function typeByte(message: { readonly family: Family; readonly index: number }): number {
  return FAMILIES.indexOf(message.family) * 8 + message.index
}
