// For browsers that cannot transfer an RTCDataChannel: keeps it on the page and passes whole messages between it and a
// port that goes to the worker, with back-pressure both ways.

/** The port for the worker's end. */
export function relayChannel(channel: RTCDataChannel): MessagePort {
  const { port1, port2 } = new MessageChannel()
  channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => port1.postMessage(data, [data])
  port1.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    if (channel.readyState === 'open') channel.send(data)
  }
  return port2
}
