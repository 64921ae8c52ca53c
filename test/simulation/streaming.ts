// Streams of bytes between nodes, and whether each arrives as it was: every byte once, in order, whole if its receiver was
// told that it is whole.

import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { errorCode } from '#core/errors.ts'
import { createStreams, type Streams, type StreamsOptions } from '../../worker/net/streams.ts'
import type { SimulatedProcess } from './process.ts'
import { createDice, type Dice } from './random.ts'
import type { Schedule } from './schedule.ts'

export interface Streaming {
  /** A node's streams, which also take those of this workload. */
  watch(process: SimulatedProcess, options: StreamsOptions): Streams
  /** Sends a stream from one process to the node `peer` (hex). */
  send(from: SimulatedProcess, peer: string): void
  /** Streams whose sender lives and waits, by name. */
  readonly open: readonly string[]
  readonly counts: { sent: number; whole: number; bytes: number; readonly ended: Map<string, number> }
}

const PURPOSE = 'simulated bytes'
const PIECE = 8 * 1024
/** Of a stream: mostly little, now and then more than a window. */
const MOST_BYTES = [80_000, 80_000, 80_000, 80_000, 80_000, 80_000, 500_000, 500_000, 500_000, 9_000_000]

/** Prime, and so no multiple of a piece's size: a byte that is lost, doubled or moved shows, and all are drawn quickly. */
const REPEATS_AFTER = 65_521

/** The bytes of a stream follow from its name. */
function contentOf(label: string, bytes: number): Uint8Array<ArrayBuffer> {
  const block = createDice(`stream ${label}`).bytes(Math.min(bytes, REPEATS_AFTER))
  const content = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += block.length) content.set(block.subarray(0, bytes - at), at)
  return content
}

export function createStreaming(schedule: Schedule, dice: Dice, violate: (what: string) => void): Streaming {
  const byProcess = new Map<SimulatedProcess, Streams>()
  const counts: Streaming['counts'] = { sent: 0, whole: 0, bytes: 0, ended: new Map() }
  const contents = new Map<string, Uint8Array>()
  /** By the subject that a stream's offer names. */
  const labels = new Map<string, string>()

  const open = new Set<string>()

  return {
    counts,
    get open() {
      return [...open]
    },
    watch(process, options) {
      const streams = createStreams(options)
      byProcess.set(process, streams)
      process.onKill(() => byProcess.delete(process))
      streams.accept(PURPOSE, async (offer, bytes) => {
        const label = labels.get(toHex(offer.subject ?? new Uint8Array(0))) ?? 'unknown'
        const expected = contents.get(label)
        if (expected === undefined) return violate(`${process.name} was offered a stream ${label} that nobody sends`)
        let at = 0
        for await (const piece of bytes) {
          if (Buffer.compare(piece, expected.subarray(at, at + piece.length)) !== 0) {
            violate(`${process.name} received other bytes of stream ${label} than were sent, from byte ${at} on`)
          }
          at += piece.length
          counts.bytes += piece.length
          // Now and then a reader is slow.
          if (dice.chance(0.1))
            await new Promise<void>((resolve) => process.after(dice.between(1, 300), 'reads', resolve))
        }
        if (at !== expected.length)
          violate(`${process.name} was told that stream ${label} is whole after ${at} of ${expected.length} bytes`)
        schedule.note(`stream ${label} is whole`)
      })
      return streams
    },
    send(from, peer) {
      const streams = byProcess.get(from)
      if (streams === undefined) return
      const label = `s${++counts.sent}`
      const content = contentOf(label, dice.whole(1, dice.pick(MOST_BYTES)))
      contents.set(label, content)
      const subject = sha256(utf8(label))
      labels.set(toHex(subject), label)
      const priority = dice.pick(['interactive', 'bulk'] as const)
      const length = dice.chance(0.8) ? content.length : null
      async function* source() {
        for (let at = 0; at < content.length; at += PIECE) {
          if (dice.chance(0.1))
            await new Promise<void>((resolve) => from.after(dice.between(1, 200), 'writes', resolve))
          yield content.slice(at, at + PIECE)
        }
      }
      open.add(label)
      const forget = from.onKill(() => open.delete(label))
      const end = (how: string): void => {
        forget()
        open.delete(label)
        schedule.note(`stream ${label} ${how}`)
        counts.ended.set(how, (counts.ended.get(how) ?? 0) + 1)
      }
      try {
        streams.open(peer, { purpose: PURPOSE, subject, priority, length }, source()).done.then(
          () => {
            counts.whole++
            end('whole')
          },
          (error: unknown) => {
            const code = errorCode(error)
            if (code === 'INTERNAL') violate(`stream ${label} ended with ${String((error as Error).stack)}`)
            end(code)
          },
        )
      } catch (error) {
        end(errorCode(error))
      }
    },
  }
}
