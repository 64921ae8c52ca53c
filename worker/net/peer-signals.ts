// Signals of other nodes as the server relays them: taken only when the node that wrote them signed them, for this node
// and for the link they name. The server could make up, withhold or repeat frames; it cannot forge one.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import { openSelfSigned, type Message } from '#core/protocol/codec.ts'
import { createInbox, type Inbox } from '#core/protocol/inbox.ts'
import type { LinkSignal } from './link-transport.ts'

const MAX_WAITING_BYTES = 4 * 1024 * 1024

export interface PeerSignal {
  /** Public key of its writer, hex. */
  readonly from: string
  readonly link: Uint8Array
  /** Counts up with each signal of a link. */
  readonly sequence: number
  readonly signal: LinkSignal
}

export interface PeerSignalsOptions {
  readonly selfKey: Uint8Array
  readonly verifier: Verifier
  /** Whether a node of that key is in the room; only its signals are worth verifying. */
  readonly isMember: (id: string) => boolean
  /** In the order in which they came. */
  readonly onSignal: (signal: PeerSignal) => void
}

export function createPeerSignals(options: PeerSignalsOptions): Inbox {
  const signer = (message: Message): Uint8Array | undefined => {
    if (message.name !== 'SIGNAL_DESCRIPTION' && message.name !== 'SIGNAL_CANDIDATE') return undefined
    const { from, to, link } = message.body
    if (!equalBytes(to, options.selfKey) || !equalBytes(link, message.session)) return undefined
    return options.isMember(toHex(from)) ? from : undefined
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
      options.onSignal({
        from: toHex(body.from),
        link: body.link,
        sequence,
        signal:
          message.name === 'SIGNAL_DESCRIPTION'
            ? { kind: 'description', type: message.body.type, sdp: message.body.sdp }
            : {
                kind: 'candidate',
                candidate: message.body.candidate,
                mid: message.body.mid,
                line: message.body.line,
              },
      })
    },
    // More than can be verified: the server is flooding. What it relays is lost, the open links are not.
    onFail: () => undefined,
  })
}
