// Named locks that the tabs of one browser share: granted in the order of asking, let go of by a tab that dies.

import type { SimulatedProcess } from './process.ts'
import type { Dice } from './random.ts'

export interface Locks {
  take<T>(process: SimulatedProcess, name: string, work: () => Promise<T>): Promise<T>
  /** Those that somebody holds or waits for. */
  names(): readonly string[]
}

interface Entry {
  readonly process: SimulatedProcess
  readonly start: () => void
}

export function createLocks(dice: Dice): Locks {
  /** The first of each queue holds the lock. */
  const queues = new Map<string, Entry[]>()

  const grant = (name: string, { process, start }: Entry) =>
    process.after(dice.between(0.01, 0.2), `gets the lock ${name}`, start)

  const release = (name: string, entry: Entry): void => {
    const queue = queues.get(name)
    const at = queue?.indexOf(entry) ?? -1
    if (!queue || at < 0) return
    queue.splice(at, 1)
    const [next] = queue
    if (next === undefined) queues.delete(name)
    else if (at === 0) grant(name, next)
  }

  return {
    take: (process, name, work) =>
      new Promise((resolve, reject) => {
        const entry: Entry = {
          process,
          start: () => {
            work()
              .then(resolve, reject)
              .finally(() => {
                forget()
                release(name, entry)
              })
          },
        }
        const forget = process.onKill(() => release(name, entry))
        const queue = queues.get(name) ?? []
        queues.set(name, queue)
        queue.push(entry)
        if (queue.length === 1) grant(name, entry)
      }),
    names: () => [...queues.keys()],
  }
}
