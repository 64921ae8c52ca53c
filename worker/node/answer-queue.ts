// Who is answered next: askers take turns however many questions each has, the person at this node goes before the others every
// other time, and each who waits is told how many are before it. Work that must be alone waits for those before it, and those
// after wait for it.

import { CentramError } from '#core/errors.ts'
import { createTurns } from '../hyperlink/turns.ts'

export interface Place {
  /** Who asks: a peer's id, or `OWN`. */
  readonly asker: string
  /** Only work of one kind runs at a time: a node answers with one model and one choice of adapters. Read when it is to begin. */
  readonly kind: string
  /** How many are before it; told where it cannot begin at once, and whenever that changes. */
  onPosition(position: number): void
}

export interface AnswerQueue {
  /** Runs `work` when it is its turn. Rejects with `NO_CAPACITY` where too many wait already. */
  run<T>(place: Place, work: () => Promise<T>): Promise<T>
  /** Leaves the queue: `run` rejects with `CANCELLED`. False where it has begun, or is not here. */
  leave(place: Place): boolean
  /** Runs alone, after all that was asked for before and ahead of all that comes later. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** The limit was raised or lowered. */
  changed(): void
  load(): { readonly running: number; readonly waiting: number }
}

/** The person at this node. */
export const OWN = ''
const MOST_WAITING = 64

interface Waiting {
  readonly place: Place
  readonly begin: () => Promise<unknown>
  readonly refuse: (error: CentramError) => void
  /** How many `alone` came before it. */
  readonly era: number
  told: number | null
}

interface Solitary {
  readonly begin: () => Promise<unknown>
}

/** `most` answers run at a time. `onIdle`: nothing runs and nothing waits any more. */
export function createAnswerQueue(most: () => number, onIdle: () => void): AnswerQueue {
  const turns = createTurns<Waiting>(({ place }) => place.asker)
  const waiting = new Set<Waiting>()
  const solitary: Solitary[] = []
  /** Of `alone` work: asked for, and done. */
  let asked = 0
  let past = 0
  let running = 0
  let kind: string | null = null
  let lastAsker: string | null = null
  let isAlone = false

  /** Those of the present era, in the order in which they will begin. */
  function order(): Waiting[] {
    const inTurn = turns.order().sort((a, b) => a.era - b.era)
    const own = inTurn.find(({ place, era }) => place.asker === OWN && era === inTurn[0]?.era)
    return own && lastAsker !== OWN ? [own, ...inTurn.filter((other) => other !== own)] : inTurn
  }

  function advance(): void {
    while (!isAlone) {
      const [next] = order()
      if (next && next.era === past) {
        if (running >= Math.max(1, most()) || (running > 0 && next.place.kind !== kind)) break
        waiting.delete(next)
        turns.serve(next, false)
        turns.leave(next)
        lastAsker = next.place.asker
        kind = next.place.kind
        start(next.begin)
        continue
      }
      const alone = running === 0 ? solitary.shift() : undefined
      if (!alone) break
      isAlone = true
      start(async () => {
        try {
          await alone.begin()
        } finally {
          isAlone = false
          past++
        }
      })
    }
    for (const [position, entry] of order().entries()) {
      if (entry.told === position) continue
      entry.told = position
      entry.place.onPosition(position)
    }
  }

  function start(begin: () => Promise<unknown>): void {
    running++
    const done = () => {
      running--
      advance()
      if (running === 0 && waiting.size === 0 && solitary.length === 0) onIdle()
    }
    begin().then(done, done)
  }

  return {
    run(place, work) {
      if (waiting.size >= MOST_WAITING) {
        const reason = `${waiting.size} questions wait already. Ask again in a while.`
        return Promise.reject(new CentramError('NO_CAPACITY', reason))
      }
      return new Promise((resolve, refuse) => {
        const begin = () => {
          const result = work()
          result.then(resolve, refuse)
          return result
        }
        const entry: Waiting = { place, begin, refuse, era: asked, told: null }
        waiting.add(entry)
        turns.join(entry)
        turns.wait(entry)
        advance()
      })
    },
    leave(place) {
      const entry = [...waiting].find((other) => other.place === place)
      if (!entry) return false
      waiting.delete(entry)
      turns.leave(entry)
      entry.refuse(new CentramError('CANCELLED', 'The question was withdrawn before its turn came.'))
      advance()
      return true
    },
    alone(work) {
      asked++
      return new Promise((resolve, reject) => {
        solitary.push({
          begin() {
            const result = work()
            result.then(resolve, reject)
            return result
          },
        })
        advance()
      })
    },
    changed: advance,
    load: () => ({ running, waiting: waiting.size }),
  }
}
