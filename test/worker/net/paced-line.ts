// A direction of a memory link with a bandwidth, a delay, and a window: no more than so many bytes are on their way before the
// other side has confirmed some, as with one SCTP association. Lines that share a path share its bandwidth, not the window.

import type { Clock } from '#core/clock.ts'
import type { MemoryLine } from '../../../worker/net/memory-channel.ts'

export interface Pace {
  readonly clock: Clock
  readonly bytesPerSecond: number
  /** In one direction. */
  readonly delayMs: number
  /** Of one line; default: no limit. */
  readonly windowBytes?: number
}

/** Makes lines over one path. */
export function createPacedPath({ clock, bytesPerSecond, delayMs, windowBytes = Infinity }: Pace): () => MemoryLine {
  let freeAt = 0
  return () => {
    const queue: { bytes: number; left: () => void; arrive: () => void }[] = []
    let underway = 0
    const pump = () => {
      for (let next = queue[0]; next !== undefined; next = queue[0]) {
        if (underway > 0 && underway + next.bytes > windowBytes) return
        queue.shift()
        const { bytes, left, arrive } = next
        underway += bytes
        freeAt = Math.max(freeAt, clock.now()) + (bytes / bytesPerSecond) * 1000
        const leaves = freeAt - clock.now()
        clock.setTimeout(left, leaves)
        clock.setTimeout(arrive, leaves + delayMs)
        clock.setTimeout(
          () => {
            underway -= bytes
            pump()
          },
          leaves + 2 * delayMs,
        )
      }
    }
    return {
      carry(bytes, left, arrive) {
        queue.push({ bytes, left, arrive })
        pump()
      },
    }
  }
}
