// How many messages of each type a node or a signalling server sent, verified and handled: for whoever looks after a swarm, and
// for the test that every message is put to use.

import type { Identity, Verifier } from '../crypto/identity.ts'
import { signedType } from './frame.ts'
import { MESSAGES, messageOfType, type MessageName } from './registry.ts'

export interface MessageTraffic {
  readonly name: MessageName
  /** Frames that it signed. */
  readonly sent: number
  /** Frames of others whose signature held. */
  readonly verified: number
  /** Messages that a handler took without objection; those of a session itself are handled as they are verified. */
  readonly handled: number
}

export interface Traffic {
  /** The same, counting what they sign and verify. */
  readonly identity: Identity
  readonly verifier: Verifier
  noteHandled(name: MessageName): void
  /** Of the types that were used. */
  counts(): readonly MessageTraffic[]
}

/** Families that sessions, the signalling client and the server handle themselves, before there are handlers. */
const INNER = new Set(['session', 'signal'])

export function createTraffic(identity: Identity, verifier: Verifier): Traffic {
  const sent = new Map<MessageName, number>()
  const verified = new Map<MessageName, number>()
  const handled = new Map<MessageName, number>()

  const note = (counts: Map<MessageName, number>, name: MessageName | undefined) => {
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const nameOf = (message: Uint8Array) => messageOfType(signedType(message) ?? -1)?.name

  return {
    identity: {
      ...identity,
      sign(message) {
        note(sent, nameOf(message))
        return identity.sign(message)
      },
    },
    async verifier(publicKey, message, signature) {
      const holds = await verifier(publicKey, message, signature)
      if (holds) note(verified, nameOf(message))
      return holds
    },
    noteHandled: (name) => note(handled, name),
    counts: () =>
      MESSAGES.flatMap(({ name, family }) => {
        const counts = { sent: sent.get(name) ?? 0, verified: verified.get(name) ?? 0 }
        if (counts.sent + counts.verified === 0) return []
        const inner = INNER.has(family) ? counts.verified : 0
        return [{ name, ...counts, handled: Math.max(inner, handled.get(name) ?? 0) }]
      }),
  }
}
