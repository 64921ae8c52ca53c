// A worker with nothing but links over its page: what it is told to do and what it sees pass its own port as plain messages.

import { createPageTransport } from '../../../worker/net/page-transport.ts'
import { createPortChannel } from '../../../worker/net/port-channel.ts'
import { createRtcChannel } from '../../../worker/net/rtc-channel.ts'
import type { Channel } from '../../../worker/net/channel.ts'
import type { LinkSignal } from '../../../worker/net/link-transport.ts'

export type LinkCommand =
  | { readonly type: 'open'; readonly polite: boolean }
  | { readonly type: 'signal'; readonly signal: LinkSignal }
  | { readonly type: 'send'; readonly count: number; readonly size: number }
  | { readonly type: 'restart' }
  | { readonly type: 'close-channel' }

export type LinkReport =
  | { readonly type: 'signal'; readonly signal: LinkSignal }
  | { readonly type: 'opened'; readonly local: Uint8Array; readonly remote: Uint8Array; readonly kind: string }
  | { readonly type: 'state'; readonly state: string }
  | { readonly type: 'path'; readonly path: string }
  | { readonly type: 'received'; readonly messages: number; readonly bytes: number; readonly inOrder: boolean }
  | { readonly type: 'closed'; readonly reason: string }

const LINK = 'link'

addEventListener(
  'message',
  ({ data }: MessageEvent<{ links: MessagePort; greet: boolean }>) => {
    const report = (message: LinkReport) => postMessage(message)
    let kind = ''
    const transport = createPageTransport(data.links, {
      rtc(channel) {
        kind = 'transferred'
        return createRtcChannel(channel)
      },
      port(port) {
        kind = 'relayed'
        return createPortChannel(port)
      },
    })
    let channel: Channel | null = null
    let messages = 0
    let bytes = 0
    let inOrder = true
    transport.listen({
      onSignal: (_link, signal) => report({ type: 'signal', signal }),
      onState: (_link, state) => report({ type: 'state', state }),
      onPath: (_link, path) => report({ type: 'path', path }),
      onOpen(_link, opened) {
        channel = opened.channel
        // As early as can be: the other side may not have been told yet that its channel is open.
        if (data.greet) channel.send(numbered(0, 4))
        channel.onClose((reason) => report({ type: 'closed', reason }))
        channel.onMessage((message) => {
          const number = new DataView(message.buffer, message.byteOffset).getUint32(0)
          if (number !== messages) inOrder = false
          messages++
          bytes += message.length
          report({ type: 'received', messages, bytes, inOrder })
        })
        const { localFingerprint: local, remoteFingerprint: remote } = opened
        report({ type: 'opened', local, remote, kind })
      },
    })
    const obey = async (command: LinkCommand): Promise<void> => {
      if (command.type === 'open') transport.open(LINK, { polite: command.polite })
      else if (command.type === 'signal') transport.signal(LINK, command.signal)
      else if (command.type === 'restart') transport.restartIce(LINK)
      else if (command.type === 'close-channel') channel?.close('done')
      else {
        for (let sent = data.greet ? 1 : 0; sent < command.count && channel; sent++) {
          await channel.drained()
          channel.send(numbered(sent, command.size))
        }
      }
    }
    addEventListener('message', ({ data: command }: MessageEvent<LinkCommand>) => void obey(command))
  },
  { once: true },
)

function numbered(number: number, size: number): Uint8Array {
  const message = new Uint8Array(size)
  new DataView(message.buffer).setUint32(0, number)
  return message
}
