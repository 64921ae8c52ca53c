// Signals of other nodes as somebody hands them over: taken only when the node that wrote them signed them, for the node
// and the link they name. Whoever hands them over could make up, withhold or repeat frames; it cannot forge one.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import { openSelfSigned, type Message } from '#core/protocol/codec.ts'
import { createInbox, type Inbox } from '#core/protocol/inbox.ts'
import type { LinkSignal } from './link-transport.ts'

const MAX_WAITING_BYTES = 4 * 1024 * 1024

export interface PeerSignal {
  /** Public keys of its writer and of the node it is for, hex. */
  readonly from: string
  readonly to: string
  readonly link: Uint8Array
  /** Counts up with each signal of a link. */
  readonly sequence: number
  readonly signal: LinkSignal
}

export interface PeerSignalsOptions {
  readonly verifier: Verifier
  /** Whether a signal between these is worth verifying; public keys, hex. */
  readonly isWelcome: (from: string, to: string) => boolean
  /** In the order in which they came, each with the frame that brought it. */
  readonly onSignal: (signal: PeerSignal, frame: Uint8Array) => void
}

export function createPeerSignals(options: PeerSignalsOptions): Inbox {
  const signer = (message: Message): Uint8Array | undefined => {
    if (message.name !== 'SIGNAL_DESCRIPTION' && message.name !== 'SIGNAL_CANDIDATE') return undefined
    const { from, to, link } = message.body
    if (!equalBytes(link, message.session)) return undefined
    return options.isWelcome(toHex(from), toHex(to)) ? from : undefined
  }
  return createInbox({
    maxWaitingBytes: MAX_WAITING_BYTES,
    async process(frame) {
      let message: Message
      try {
        message = await openSelfSigned(frame, signer, options.verifier)
      } catch {
        // Dropped: whatever this was, the links go on without it.
        return
      }
      if (message.name !== 'SIGNAL_DESCRIPTION' && message.name !== 'SIGNAL_CANDIDATE') return
      const { body, sequence } = message
      options.onSignal(
        { from: toHex(body.from), to: toHex(body.to), link: body.link, sequence, signal: signalOf(message) },
        frame,
      )
    },
    // More than can be verified: whoever hands them over is flooding. What it brings is lost, the open links are not.
    onFail: () => undefined,
  })
}

function signalOf(message: Extract<Message, { name: 'SIGNAL_DESCRIPTION' | 'SIGNAL_CANDIDATE' }>): LinkSignal {
  if (message.name === 'SIGNAL_DESCRIPTION') {
    const { type, sdp, offer } = message.body
    return { kind: 'description', type, sdp, offer }
  }
  const { candidate, mid, line } = message.body
  return { kind: 'candidate', candidate, mid, line }
}
