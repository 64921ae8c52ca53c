// From a verified message to its handler, and from what the handler throws back to the peer that sent it.

import { errorCode, errorMessage } from '#core/errors.ts'
import type { HandlerTable } from './handler-table.ts'
import type { PeerLink } from './peer-link.ts'
import type { PeerMessage } from './session.ts'

/**
 * Hands one message of `peer` to its handler; `onHandled` follows when it took it. What the handler finds impossible ends the
 * link; all else it throws is only told.
 */
export function dispatch(
  handlers: HandlerTable,
  peer: string,
  link: PeerLink,
  message: PeerMessage,
  onHandled: (name: PeerMessage['name']) => void = () => undefined,
): void {
  const failed = (error: unknown) => {
    const code = errorCode(error)
    link.session?.complain(error, message.name)
    if (code === 'PROTOCOL_VIOLATION' || code === 'FRAME_INVALID') {
      link.end('replaced', { code, message: errorMessage(error), by: 'refused' })
    }
  }
  try {
    const running = handlers.call(peer, message)
    if (running instanceof Promise) running.then(() => onHandled(message.name), failed)
    else onHandled(message.name)
  } catch (error) {
    failed(error)
  }
}
