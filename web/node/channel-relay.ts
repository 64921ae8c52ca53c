// For browsers that cannot transfer an RTCDataChannel: keeps it on the page and passes whole messages between it and a port
// that goes to the worker. The worker's end is worker/net/port-channel.ts; an ArrayBuffer is one message, `{ credit }` tells
// the worker how many bytes have left for good, `{ close }` ends it.

type PortMessage = ArrayBuffer | { readonly credit: number } | { readonly close: string }

/** The data channel's own queue is kept below this; Chromium throws at 16 MiB. */
const MAX_BUFFERED_AMOUNT = 8 * 1024 * 1024
/** Credit is given in portions, so that a small message does not cost two, and in full once all has left. */
const CREDIT_PORTION_BYTES = 64 * 1024

/** The port for the worker's end. */
export function relayChannel(channel: RTCDataChannel): MessagePort {
  const { port1, port2 } = new MessageChannel()
  const queue: ArrayBuffer[] = []
  let handedOver = 0
  let credited = 0
  const tell = (message: PortMessage) => port1.postMessage(message, message instanceof ArrayBuffer ? [message] : [])

  function flush(): void {
    while (channel.readyState === 'open' && channel.bufferedAmount < MAX_BUFFERED_AMOUNT) {
      const message = queue.shift()
      if (!message) break
      channel.send(message)
      handedOver += message.byteLength
    }
    const left = handedOver - channel.bufferedAmount - credited
    if (left === 0 || (left < CREDIT_PORTION_BYTES && channel.bufferedAmount > 0)) return
    credited += left
    tell({ credit: left })
  }

  channel.binaryType = 'arraybuffer'
  channel.onopen = flush
  channel.onbufferedamountlow = flush
  channel.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
    // Only bytes are legal.
    if (typeof data === 'string') channel.close()
    else tell(data)
  }
  channel.onclose = () => tell({ close: 'closed by the other side' })
  channel.onerror = () => tell({ close: 'the data channel failed' })
  port1.onmessage = ({ data }: MessageEvent<PortMessage>) => {
    if (data instanceof ArrayBuffer) queue.push(data)
    else if ('close' in data) {
      channel.onclose = null
      // Closing a data channel sends what it was given first (W3C WebRTC §6.2.4).
      flush()
      channel.close()
      return
    }
    flush()
  }
  return port2
}
