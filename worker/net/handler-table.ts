// The handler of each message that nodes send each other, typed by the registry. What has none is not offered here, and
// its sender is told so.

import { CentramError } from '#core/errors.ts'
import type { BodyOf, PeerMessageName } from '#core/protocol/registry.ts'
import type { PeerMessage } from './session.ts'

export type PeerHandler<Name extends PeerMessageName> = (
  peer: string,
  body: BodyOf<Name>,
  tail: Uint8Array,
) => void | Promise<void>

export interface HandlerTable {
  /** Throws `BAD_ARGUMENT` for a message that already has a handler. Returns what takes it out again. */
  set<Name extends PeerMessageName>(name: Name, handler: PeerHandler<Name>): () => void
  /** Throws `NOT_OFFERED` for a message without a handler, and what the handler throws. */
  call(peer: string, message: PeerMessage): void | Promise<void>
}

export function createHandlerTable(): HandlerTable {
  const handlers: { [Name in PeerMessageName]?: PeerHandler<Name> | undefined } = {}
  return {
    set(name, handler) {
      if (handlers[name] !== undefined) throw new CentramError('BAD_ARGUMENT', `${name} already has a handler.`)
      Object.assign(handlers, { [name]: handler })
      return () => void Object.assign(handlers, { [name]: undefined })
    },
    call(peer, { name, body, tail }) {
      // Body and handler belong to the same name, which the union of all messages does not show.
      const handler = handlers[name] as PeerHandler<PeerMessageName> | undefined
      if (handler === undefined) throw new CentramError('NOT_OFFERED', `This node does not offer ${name}.`)
      return handler(peer, body, tail)
    },
  }
}
