// Every message there is, by name and by type byte. A family's file is named here once; all else follows.

import type { z } from 'zod/mini'
import { INFER_MESSAGES } from './messages/infer.ts'
import { PEER_MESSAGES } from './messages/peer.ts'
import { PIPE_MESSAGES } from './messages/pipe.ts'
import { SESSION_MESSAGES } from './messages/session.ts'
import { SIGNAL_MESSAGES } from './messages/signal.ts'
import { typeByte, type MessageDefinition } from './message.ts'

const ALL = [...SESSION_MESSAGES, ...SIGNAL_MESSAGES, ...PEER_MESSAGES, ...INFER_MESSAGES, ...PIPE_MESSAGES] as const

type Declared = (typeof ALL)[number]

export type MessageName = Declared['name']

/** The body of a message, as its handler receives it. */
export type BodyOf<Name extends MessageName> = z.infer<Extract<Declared, { readonly name: Name }>['body']>

/** Names of the messages that an application handles: those between nodes whose session is open. */
export type PeerMessageName = Exclude<MessageName, `SESSION_${string}` | `SIGNAL_${string}`>

/** In the order of their type bytes. */
export const MESSAGES: readonly MessageDefinition<MessageName>[] = [...ALL].sort((a, b) => typeByte(a) - typeByte(b))

const BY_NAME = new Map(MESSAGES.map((message) => [message.name, message]))
const BY_TYPE = new Map(MESSAGES.map((message) => [typeByte(message), message]))

export function messageNamed(name: MessageName): MessageDefinition<MessageName> {
  return BY_NAME.get(name) as MessageDefinition<MessageName>
}

/** Undefined for a type byte that no message of this version has. */
export function messageOfType(type: number): MessageDefinition<MessageName> | undefined {
  return BY_TYPE.get(type)
}
