// Whose frame is verified next. A signature takes longer than all else the server does, so a few are verified at once and the others
// wait: who said little lately goes before who said much, and a flood waits behind itself.

export interface Caller {
  /** What it was given lately, halved every `HALF_LIFE_MS`. */
  used: number
  since: number
}

export interface Turns {
  /** More wait than are soon done. */
  readonly isBusy: boolean
  /** Runs `work` when it is the caller's turn. */
  take<T>(caller: Caller, work: () => Promise<T>): Promise<T>
}

const HALF_LIFE_MS = 5_000
/** So many times those that run at once. */
const BUSY = 4

export const newCaller = (now: number): Caller => ({ used: 0, since: now })

/** @param atOnce how many run at the same time. */
export function createTurns(atOnce: number, now: () => number): Turns {
  const waiting: { readonly caller: Caller; readonly start: () => void }[] = []
  let running = 0

  const usedBy = (caller: Caller, time: number) => caller.used * 0.5 ** ((time - caller.since) / HALF_LIFE_MS)
  const next = () => {
    if (waiting.length === 0) return
    const time = now()
    let least = 0
    let leastUsed = Number.POSITIVE_INFINITY
    for (const [place, { caller }] of waiting.entries()) {
      const used = usedBy(caller, time)
      if (used >= leastUsed) continue
      least = place
      leastUsed = used
    }
    const [chosen] = waiting.splice(least, 1)
    chosen?.start()
  }

  return {
    get isBusy() {
      return waiting.length > BUSY * atOnce
    },
    async take(caller, work) {
      if (running >= atOnce) await new Promise<void>((start) => waiting.push({ caller, start }))
      running++
      const time = now()
      caller.used = usedBy(caller, time) + 1
      caller.since = time
      try {
        return await work()
      } finally {
        running--
        next()
      }
    },
  }
}
