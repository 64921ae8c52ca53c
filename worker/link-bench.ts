// Entry of the link benchmark's worker: a swarm and its streams with nothing above them, told what to send by its page. Small
// messages go as an answer's tokens do, bulk as a stream.

import { expose } from 'comlink'
import { createVerifier, generateIdentity, openIdentity, type Ed25519Subtle } from '#core/crypto/identity.ts'
import { systemClock } from './net/clock.ts'
import type { LinkEvents, LinkTransport } from './net/link-transport.ts'
import { createPageTransport } from './net/page-transport.ts'
import { createPortChannel } from './net/port-channel.ts'
import { createRtcChannel } from './net/rtc-channel.ts'
import { createStreams } from './net/streams.ts'
import { createSwarm } from './net/swarm.ts'
import { connectWebSocket } from './tab/web-socket.ts'

interface Boot {
  readonly links: MessagePort
  readonly api: MessagePort
  readonly serverUrl: string
  /** The room's secret, 16 bytes. */
  readonly room: Uint8Array
  /** Whether bulk may be striped over further connections. */
  readonly lanes: boolean
}

const PURPOSE = 'link-bench'
const PIECE_BYTES = 64 * 1024
const PING = new Uint8Array(16).fill(1)
const PONG = new Uint8Array(16).fill(2)
const COUNT = new Uint8Array(16).fill(3)

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

/** Every link but the first fails at once. */
function onlyOneLink(transport: LinkTransport): LinkTransport {
  let events: LinkEvents | null = null
  let first: string | null = null
  return {
    ...transport,
    listen(listener) {
      events = listener
      transport.listen(listener)
    },
    open(link, options) {
      first ??= link
      if (link === first) transport.open(link, options)
      else queueMicrotask(() => events?.onState(link, 'closed', 'no further connections in this run'))
    },
  }
}

async function start({ links, serverUrl, room, lanes }: Boot) {
  const subtle = crypto.subtle as unknown as Ed25519Subtle
  const transport = createPageTransport(links, { rtc: createRtcChannel, port: createPortChannel })
  const swarm = createSwarm({
    identity: openIdentity(await generateIdentity(subtle, random), subtle),
    verifier: await createVerifier(subtle),
    transport: lanes ? transport : onlyOneLink(transport),
    connect: connectWebSocket,
    serverUrl,
    clock: systemClock,
    random,
    name: 'bench',
  })
  const streams = createStreams({ swarm, clock: systemClock, random })
  let opened: (peer: string) => void = () => undefined
  const other = new Promise<string>((resolve) => (opened = resolve))
  let answered: () => void = () => undefined
  let bytes = 0
  let losses = 0
  const counted = { received: 0, inOrder: true }
  let counting: ReturnType<typeof setInterval> | undefined
  let sent = 0

  const tell = (peer: string, request: Uint8Array, first: number) =>
    swarm.send(peer, 'INFER_TOKENS', { request, first, tokens: [], text: '', timings: [] })
  swarm.onPeerOpen(opened)
  swarm.onPeerLost(() => losses++)
  swarm.handle('INFER_TOKENS', (peer, { request, first }) => {
    if (request[0] === PING[0]) tell(peer, PONG, first)
    else if (request[0] === PONG[0]) answered()
    else if (first === counted.received) counted.received++
    else counted.inOrder = false
  })
  streams.accept(PURPOSE, async (_offer, pieces) => {
    for await (const { length } of pieces) bytes += length
  })
  swarm.join(room)

  return {
    async untilOpen() {
      await other
    },
    async roundTrips(count: number): Promise<readonly number[]> {
      const peer = await other
      const times: number[] = []
      for (let number = 0; number < count; number++) {
        const from = performance.now()
        const back = new Promise<void>((resolve) => (answered = resolve))
        tell(peer, PING, number)
        await back
        times.push(performance.now() - from)
      }
      return times
    },
    /** Sends bulk for so long; resolves when the other side has it all. */
    async flood(milliseconds: number) {
      const piece = random(PIECE_BYTES)
      const until = performance.now() + milliseconds
      async function* pieces() {
        while (performance.now() < until) yield await Promise.resolve(piece)
      }
      const about = { purpose: PURPOSE, subject: null, priority: 'bulk', length: null } as const
      await streams.open(await other, about, pieces()).done
    },
    total: () => ({ bytes, at: performance.now() }),
    connections: () => swarm.peers()[0]?.connections ?? 0,
    /** Sends numbered messages from now on. */
    async startCounting(everyMs: number) {
      const peer = await other
      counting = setInterval(() => tell(peer, COUNT, sent++), everyMs)
    },
    stopCounting() {
      clearInterval(counting)
      return sent
    },
    counted: () => ({ ...counted }),
    state: () => ({ link: swarm.peers()[0]?.link ?? 'none', losses }),
    close: () => swarm.close(),
  }
}

addEventListener(
  'message',
  ({ data }: MessageEvent<Boot>) => {
    start(data).then(
      (bench) => expose(bench, data.api),
      (error: unknown) =>
        setTimeout(() => {
          throw error
        }),
    )
  },
  { once: true },
)
