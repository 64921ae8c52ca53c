// Streams: bytes of any length from one node to another, in order, no faster than they are read, and going on where they
// were when a link is lost and another one found. A stream is named by 16 bytes, not by its link.

import type { Clock, Timer } from '#core/clock.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import type { BodyOf, PeerMessageName } from '#core/protocol/registry.ts'
import type { HandlerTable } from './handler-table.ts'
import { createIncomingStream, type IncomingControls, type StreamEnd } from './incoming-stream.ts'
import {
  createOutgoingStream,
  type OutgoingControls,
  type OutgoingStream,
  type StreamAbout,
  type StreamSend,
} from './outgoing-stream.ts'

/** How long a stream waits for its peer to come back. */
const KEEP_BROKEN_MS = 60_000
/** Streams of one peer that are received at once. */
const MAX_INCOMING = 8
/** Streams received whole whose end is said again to a sender that did not hear it. */
const MAX_FINISHED = 64

export interface StreamOffer extends StreamAbout {
  readonly peer: string
}

/**
 * Takes one stream. The first read of `bytes` accepts it; what is thrown before that rejects it with its code, and later gives
 * it up. Iteration ends only when all came and its hash was right; until then nothing read is sure to be what was meant.
 */
export type StreamHandler = (offer: StreamOffer, bytes: AsyncIterable<Uint8Array>) => void | Promise<void>

export interface Streams {
  /** Offers a stream; its source is read once it is accepted. Throws `PEER_LEFT` without an open link. */
  open(peer: string, about: StreamAbout, source: AsyncIterable<Uint8Array>): OutgoingStream
  /** Sets the one handler of a purpose; what has none is rejected with `NOT_OFFERED`. Returns what takes it out again. */
  accept(purpose: string, handler: StreamHandler): () => void
  /** Gives up everything. */
  close(): void
}

/** What streams need of a swarm. */
export interface StreamPeers {
  /** Throws without an open link. */
  send<Name extends PeerMessageName>(peer: string, name: Name, body: BodyOf<Name>, tail?: ArrayBufferView): void
  drained(peer: string): Promise<void>
  readonly handle: HandlerTable['set']
  onPeerOpen(listener: (peer: string) => void): () => void
  onPeerLost(listener: (peer: string) => void): () => void
  onBulkLost(listener: (peer: string) => void): () => void
}

export interface StreamsOptions {
  readonly swarm: StreamPeers
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
}

/** All streams with one peer. */
interface PeerStreams {
  readonly outgoing: Map<string, OutgoingControls>
  readonly incoming: Map<string, IncomingControls>
  /** Received whole, the latest last. */
  readonly finished: Map<string, StreamEnd>
  sending: boolean
  linked: boolean
  /** Incoming streams that were broken off and not offered again. */
  readonly broken: Set<string>
  lapse: Timer | null
}

export function createStreams({ swarm, clock, random }: StreamsOptions): Streams {
  const peers = new Map<string, PeerStreams>()
  const handlers = new Map<string, StreamHandler>()

  const of = (peer: string): PeerStreams => {
    let streams = peers.get(peer)
    if (streams === undefined) {
      streams = {
        outgoing: new Map(),
        incoming: new Map(),
        finished: new Map(),
        sending: false,
        linked: true,
        broken: new Set(),
        lapse: null,
      }
      peers.set(peer, streams)
    }
    return streams
  }
  const sendTo =
    (peer: string): StreamSend =>
    (name, body, tail) => {
      try {
        swarm.send(peer, name, body, tail)
        return true
      } catch {
        // There is no link now. All that counts is said again when there is one.
        return false
      }
    }

  /** One piece after another, of interactive streams first, in turn among equals. */
  const pump = async (peer: string) => {
    const streams = of(peer)
    if (streams.sending) return
    streams.sending = true
    try {
      for (let chosen = choose(streams); chosen !== undefined; chosen = choose(streams)) {
        await swarm.drained(peer)
        const [id, stream] = chosen
        if (!stream.ready()) continue
        stream.sendNext()
        if (!streams.outgoing.delete(id)) continue
        streams.outgoing.set(id, stream)
      }
    } catch {
      // The link is gone; `recover` begins again.
    } finally {
      streams.sending = false
    }
  }

  /** The peer is linked (again), or some of what was on its way is lost: what is unfinished goes on where the receiver says. */
  const recover = (peer: string) => {
    const streams = peers.get(peer)
    if (streams === undefined) return
    streams.linked = true
    for (const stream of streams.outgoing.values()) stream.offer()
  }
  const lost = (peer: string) => {
    const streams = peers.get(peer)
    if (streams === undefined) return
    streams.linked = false
    for (const name of streams.incoming.keys()) streams.broken.add(name)
    if (streams.lapse !== null) clock.clearTimeout(streams.lapse)
    streams.lapse = clock.setTimeout(() => {
      if (!streams.linked) abandon(peer, 'PEER_LEFT', 'The peer did not come back.')
      const error = new CentramError('PEER_LEFT', 'The peer came back without this stream.')
      for (const name of streams.broken) streams.incoming.get(name)?.fail(error)
      streams.broken.clear()
    }, KEEP_BROKEN_MS)
  }
  const abandon = (peer: string, code: ErrorCode, message: string) => {
    const streams = peers.get(peer)
    if (streams === undefined) return
    if (streams.lapse !== null) clock.clearTimeout(streams.lapse)
    peers.delete(peer)
    for (const { fail } of [...streams.outgoing.values(), ...streams.incoming.values()]) {
      fail(new CentramError(code, message))
    }
  }

  const receive = (peer: string, id: Uint8Array, about: StreamAbout) => {
    const streams = of(peer)
    const name = toHex(id)
    const send = sendTo(peer)
    const end = streams.finished.get(name)
    if (end !== undefined) {
      send('STREAM_END', { stream: id, ...end })
      return
    }
    const known = streams.incoming.get(name)
    if (known !== undefined) {
      streams.broken.delete(name)
      known.resume()
      return
    }
    const handler = handlers.get(about.purpose)
    const refusal = handler === undefined ? 'NOT_OFFERED' : streams.incoming.size >= MAX_INCOMING ? 'NO_CAPACITY' : null
    if (handler === undefined || refusal !== null) {
      const message = refusal === 'NO_CAPACITY' ? 'Too many streams at once.' : 'This node takes no such stream.'
      send('STREAM_REJECT', { stream: id, code: refusal ?? 'NOT_OFFERED', message })
      return
    }
    const stream = createIncomingStream({
      id,
      about,
      send,
      onClosed(whole) {
        streams.incoming.delete(name)
        if (whole === null) return
        streams.finished.set(name, whole)
        if (streams.finished.size > MAX_FINISHED)
          streams.finished.delete(streams.finished.keys().next().value as string)
      },
    })
    streams.incoming.set(name, stream)
    void Promise.resolve()
      .then(() => handler({ ...about, peer }, stream.bytes))
      .then(
        () => stream.refuse('CANCELLED', 'It was not read to its end.'),
        (error: unknown) => stream.refuse(errorCode(error), errorMessage(error)),
      )
  }

  const outgoing = (peer: string, id: Uint8Array) => peers.get(peer)?.outgoing.get(toHex(id))
  const incoming = (peer: string, id: Uint8Array) => peers.get(peer)?.incoming.get(toHex(id))
  const givenUp = (peer: string, { stream, code, message }: { stream: Uint8Array; code: string; message: string }) => {
    const error = new CentramError(code as ErrorCode, message)
    outgoing(peer, stream)?.fail(error)
    incoming(peer, stream)?.fail(error)
  }

  const undo = [
    swarm.handle('STREAM_OPEN', (peer, { stream, ...about }) => receive(peer, stream, about)),
    swarm.handle('STREAM_ACCEPT', (peer, { stream, credit }) => outgoing(peer, stream)?.accepted(credit)),
    swarm.handle('STREAM_REJECT', givenUp),
    swarm.handle('STREAM_DATA', (peer, { stream, offset }, tail) => incoming(peer, stream)?.data(offset, tail)),
    swarm.handle('STREAM_CREDIT', (peer, { stream, offset, credit }) =>
      outgoing(peer, stream)?.credited(offset, credit),
    ),
    swarm.handle('STREAM_END', (peer, { stream, ...end }) => {
      incoming(peer, stream)?.ended(end)
      outgoing(peer, stream)?.ended(end.length, end.root)
    }),
    swarm.handle('STREAM_RESET', givenUp),
    swarm.handle('STREAM_RESUME', (peer, { stream, offset, credit }) =>
      outgoing(peer, stream)?.resumed(offset, credit),
    ),
    swarm.onPeerOpen(recover),
    swarm.onBulkLost(recover),
    swarm.onPeerLost(lost),
  ]

  return {
    open(peer, about, source) {
      const id = random(16)
      const name = toHex(id)
      swarm.send(peer, 'STREAM_OPEN', { stream: id, ...about })
      const streams = of(peer)
      const stream = createOutgoingStream({
        id,
        about,
        source,
        clock,
        send: sendTo(peer),
        onReady: () => void pump(peer),
        onClosed: () => streams.outgoing.delete(name),
      })
      streams.outgoing.set(name, stream)
      return stream.stream
    },
    accept(purpose, handler) {
      if (handlers.has(purpose)) throw new CentramError('BAD_ARGUMENT', `Streams for ${purpose} are taken already.`)
      handlers.set(purpose, handler)
      return () => void handlers.delete(purpose)
    },
    close() {
      for (const take of undo) take()
      for (const peer of [...peers.keys()]) abandon(peer, 'CANCELLED', 'This node stopped.')
    },
  }
}

function choose(streams: PeerStreams): [string, OutgoingControls] | undefined {
  const ready = [...streams.outgoing].filter(([, stream]) => stream.ready())
  return ready.find(([, { about }]) => about.priority === 'interactive') ?? ready[0]
}
