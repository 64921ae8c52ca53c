// How fast a link carries bulk, when a person asks: a stream of noise that the other node reads and drops. It tells whether a
// slow answer or a slow download is the network's fault, and to which node.

import type { Clock } from '#core/clock.ts'
import { CentramError } from '#core/errors.ts'
import type { OutgoingStream } from '../net/outgoing-stream.ts'
import type { Streams } from '../net/streams.ts'
import type { LinkSpeed } from './api.ts'

const PURPOSE = 'link-speed'
/** Long enough for further connections to open and to be measured in their turn. */
const MEASURE_MS = 10_000
/** The rate is that of the last part: a connection begins slowly. */
const COUNTED_MS = 2500
/** For what was sent by then to be read. */
const PATIENCE_MS = 15_000
const MAX_BYTES = 512 * 1024 * 1024
const PIECE_BYTES = 64 * 1024
const TICK_MS = 100

export interface LinkSpeedOptions {
  readonly streams: Pick<Streams, 'open' | 'accept'>
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  /** Over how many connections bulk goes to the peer now. */
  readonly connections: (peer: string) => number
  /** Whether this node has better things to do than to be measured. */
  readonly busy: () => boolean
}

export interface LinkSpeedMeter {
  /** Throws `NO_CAPACITY` where either side is busy, and what ends the stream. */
  measure(peer: string): Promise<LinkSpeed>
}

export function createLinkSpeedMeter(options: LinkSpeedOptions): LinkSpeedMeter {
  const { streams, clock } = options
  let running = 0

  streams.accept(PURPOSE, async (_offer, bytes) => {
    if (options.busy() || running > 0) {
      throw new CentramError('NO_CAPACITY', 'The other node is busy. Measure again when it has finished.')
    }
    running++
    try {
      let read = 0
      for await (const { length } of bytes) {
        read += length
        if (read > MAX_BYTES) throw new CentramError('NO_CAPACITY', 'A measurement took too many bytes.')
      }
    } finally {
      running--
    }
  })

  async function run(peer: string): Promise<LinkSpeed> {
    const from = clock.now()
    const about = { purpose: PURPOSE, subject: null, priority: 'bulk', length: null } as const
    const stream = streams.open(peer, about, noise(options, from))
    const patience = clock.setTimeout(
      () => stream.cancel('TIMEOUT', 'The other node stopped reading. The link may be broken; try again in a moment.'),
      MEASURE_MS + PATIENCE_MS,
    )
    const watched = watch(stream)
    try {
      await stream.done
    } finally {
      clock.clearTimeout(patience)
      watched.stop()
    }
    return { bytesPerSecond: watched.bytesPerSecond(), connections: options.connections(peer) }
  }

  /** How much was confirmed when, for the rate at the end. */
  function watch(stream: OutgoingStream) {
    const samples: { at: number; bytes: number }[] = []
    const look = () => {
      samples.push({ at: clock.now(), bytes: stream.confirmedBytes })
      timer = clock.setTimeout(look, TICK_MS)
    }
    let timer = clock.setTimeout(look, TICK_MS)
    return {
      stop: () => clock.clearTimeout(timer),
      bytesPerSecond() {
        const last = samples.at(-1) ?? { at: 0, bytes: 0 }
        const first = samples.find(({ at }) => at >= last.at - COUNTED_MS) ?? last
        const elapsed = last.at - first.at
        return elapsed > 0 ? ((last.bytes - first.bytes) / elapsed) * 1000 : 0
      },
    }
  }

  return {
    async measure(peer) {
      if (running > 0) throw new CentramError('NO_CAPACITY', 'A link is being measured already. Wait until it is done.')
      running++
      return await run(peer).finally(() => running--)
    },
  }
}

/** Bytes that nothing on the way can shorten. */
async function* noise({ clock, random }: LinkSpeedOptions, from: number): AsyncGenerator<Uint8Array> {
  const piece = random(PIECE_BYTES)
  for (let sent = 0; clock.now() - from < MEASURE_MS && sent < MAX_BYTES; sent += piece.length) {
    yield await Promise.resolve(piece)
  }
}
