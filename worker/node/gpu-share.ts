// How much of the time this node's GPU may compute. Work that took t is followed by rest, so that work is the share of both; with
// a share of 1 nothing rests. Runs besides wait for as long as the node rests.

import type { Clock, Timer } from '#core/clock.ts'

export interface GpuShare {
  /** Milliseconds until the next piece of work may begin. */
  wait(): number
  /** A piece of work begins; the function returned says that it is done. */
  begin(): () => void
  /** Whether work rests in between: then pieces are not prepared ahead. */
  isLimited(): boolean
  /** Does one piece of work when the share has room for it. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
  /** Waits until work that nobody waits for may begin, or `stop` is aborted. */
  turn(stop: AbortSignal): Promise<void>
  /** The share was changed, or whether the node rests. */
  changed(): void
}

export interface GpuShareOptions {
  readonly clock: Clock
  /** Above 0, at most 1. */
  share(): number
  /** Whether runs wait. */
  isResting(): boolean
  /** The GPU computed for so long. */
  onWork?(milliseconds: number): void
}

export function createGpuShare({ clock, share, isResting, onWork }: GpuShareOptions): GpuShare {
  let running = 0
  let since = 0
  let restUntil = -Infinity
  const waiting = new Set<() => void>()

  const wait = () => (share() >= 1 ? 0 : Math.max(0, restUntil - clock.now()))

  function begin(): () => void {
    const now = clock.now()
    // Pieces that overlap are one stretch of work.
    if (running++ === 0) since = now
    let isDone = false
    return () => {
      if (isDone) return
      isDone = true
      if (--running > 0) return
      const end = clock.now()
      const took = end - since
      restUntil = end + took * (1 / share() - 1)
      onWork?.(took)
    }
  }

  return {
    wait,
    begin,
    isLimited: () => share() < 1,
    async run(work) {
      while (wait() > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, wait()))
      const done = begin()
      try {
        return await work()
      } finally {
        done()
      }
    },
    async turn(stop) {
      while (!stop.aborted && (isResting() || wait() > 0)) {
        await new Promise<void>((resolve) => {
          let timer: Timer | undefined
          const go = () => {
            waiting.delete(go)
            stop.removeEventListener('abort', go)
            clock.clearTimeout(timer)
            resolve()
          }
          waiting.add(go)
          stop.addEventListener('abort', go, { once: true })
          if (!isResting()) timer = clock.setTimeout(go, wait())
        })
      }
    },
    changed() {
      for (const go of [...waiting]) go()
    },
  }
}
