// Every message there is, by name and by type byte. A family's file is named here once; all else follows.

import type { z } from 'zod/mini'
import { CONTENT_MANIFEST, CONTENT_MESSAGES } from './messages/content.ts'
import { DP_CLAIM, GATE_FAULT, GATE_MESSAGES, GATE_VERDICT, LINEAGE_CLAIM } from './messages/gate.ts'
import { EVALUATION, GENOME_MESSAGES, GENOME_WITHDRAWAL } from './messages/genome.ts'
import { GOSSIP_MESSAGES, GOSSIP_NEWS } from './messages/gossip.ts'
import { INFER_MESSAGES, USAGE_RECEIPT } from './messages/infer.ts'
import {
  CREDIT_GRANT,
  LEDGER_DISPUTE,
  LEDGER_MESSAGES,
  ROYALTY_STATEMENT,
  ROYALTY_TERMS,
  TRANSFER,
  TRANSFER_ABORT,
} from './messages/ledger.ts'
import { KEY_REVOCATION, PEER_ADDRESSES, PEER_MESSAGES } from './messages/peer.ts'
import { PIPE_MESSAGES } from './messages/pipe.ts'
import { LOG_ENTRY, LOG_HEAD, PROOF_MESSAGES, WITNESSED_HEAD } from './messages/proof.ts'
import { KEY_ROTATION, SESSION_MESSAGES } from './messages/session.ts'
import { SIGNAL_MESSAGES } from './messages/signal.ts'
import { STREAM_MESSAGES } from './messages/stream.ts'
import { typeByte, type MessageDefinition } from './message.ts'
import type { ObjectDefinition } from './signed-object.ts'

const ALL = [
  ...SESSION_MESSAGES,
  ...STREAM_MESSAGES,
  ...SIGNAL_MESSAGES,
  ...PEER_MESSAGES,
  ...GOSSIP_MESSAGES,
  ...CONTENT_MESSAGES,
  ...INFER_MESSAGES,
  ...PIPE_MESSAGES,
  ...GENOME_MESSAGES,
  ...GATE_MESSAGES,
  ...LEDGER_MESSAGES,
  ...PROOF_MESSAGES,
] as const

/** The objects that messages carry, in the order in which families first carry them. */
export const OBJECTS: readonly ObjectDefinition[] = [
  KEY_ROTATION,
  PEER_ADDRESSES,
  KEY_REVOCATION,
  GOSSIP_NEWS,
  CONTENT_MANIFEST,
  USAGE_RECEIPT,
  GENOME_WITHDRAWAL,
  EVALUATION,
  DP_CLAIM,
  GATE_VERDICT,
  GATE_FAULT,
  LINEAGE_CLAIM,
  CREDIT_GRANT,
  TRANSFER,
  TRANSFER_ABORT,
  ROYALTY_TERMS,
  ROYALTY_STATEMENT,
  LEDGER_DISPUTE,
  LOG_HEAD,
  LOG_ENTRY,
  WITNESSED_HEAD,
]

type Declared = (typeof ALL)[number]

export type MessageName = Declared['name']

/** The body of a message, as its handler receives it. */
export type BodyOf<Name extends MessageName> = z.infer<Extract<Declared, { readonly name: Name }>['body']>

/** What a session answers by itself. */
type SessionOwnName = Exclude<Extract<MessageName, `SESSION_${string}`>, 'SESSION_KEY_ROTATE'>

/** Names of the messages that an application handles: those between nodes whose session is open. */
export type PeerMessageName = Exclude<MessageName, SessionOwnName | `SIGNAL_${string}`>

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
