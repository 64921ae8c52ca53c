// A data channel of libdatachannel as the one of browsers that `worker/net/rtc-channel.ts` stands on.

import type { DataChannelLike } from '../../worker/net/rtc-channel.ts'

/** What is used of node-datachannel's DataChannel. */
export interface NativeDataChannel {
  close(): void
  sendMessageBinary(bytes: Uint8Array): boolean
  isOpen(): boolean
  bufferedAmount(): number
  setBufferedAmountLowThreshold(bytes: number): void
  onOpen(listener: () => void): void
  onClosed(listener: () => void): void
  onError(listener: (error: string) => void): void
  onBufferedAmountLow(listener: () => void): void
  onMessage(listener: (message: string | Buffer | ArrayBuffer) => void): void
}

type Listeners = Record<'open' | 'close' | 'error' | 'bufferedamountlow', (() => void)[]>

export function wrapDataChannel(native: NativeDataChannel): DataChannelLike {
  const listeners: Listeners = { open: [], close: [], error: [], bufferedamountlow: [] }
  const messageListeners: ((event: { readonly data: unknown }) => void)[] = []
  let state: DataChannelLike['readyState'] = 'connecting'
  let threshold = 0
  const tell = (type: keyof Listeners) => {
    for (const listen of listeners[type]) listen()
  }

  native.onOpen(() => {
    if (state !== 'connecting') return
    state = 'open'
    tell('open')
  })
  native.onClosed(() => {
    state = 'closed'
    tell('close')
  })
  native.onError(() => tell('error'))
  native.onBufferedAmountLow(() => tell('bufferedamountlow'))
  native.onMessage((message) => {
    const data = typeof message === 'string' || message instanceof ArrayBuffer ? message : copyOf(message)
    for (const listen of messageListeners) listen({ data })
  })

  return {
    binaryType: 'arraybuffer',
    get readyState() {
      return state
    },
    get bufferedAmount() {
      return state === 'open' ? native.bufferedAmount() : 0
    },
    get bufferedAmountLowThreshold() {
      return threshold
    },
    set bufferedAmountLowThreshold(bytes) {
      threshold = Math.max(0, bytes)
      if (state !== 'closed') native.setBufferedAmountLowThreshold(threshold)
    },
    send(data) {
      native.sendMessageBinary(data)
    },
    close() {
      if (state === 'closed') return
      state = 'closing'
      native.close()
    },
    addEventListener(type: keyof Listeners | 'message', listener: (event: { readonly data: unknown }) => void) {
      if (type === 'message') messageListeners.push(listener)
      else listeners[type].push(listener as () => void)
    },
  }
}

function copyOf(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer
}
