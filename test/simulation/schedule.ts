// The one queue of a simulated world: timers, deliveries, storage and network all complete as events of virtual time, in an
// order that follows from the seed alone. After each event every promise that can settle does so before the next one, and
// the invariants are checked.

import { createHash } from 'node:crypto'

export interface Event {
  readonly at: number
  readonly order: number
  readonly label: string
  run: (() => void) | null
}

export interface Schedule {
  /** Virtual milliseconds since the world began. */
  now(): number
  readonly steps: number
  /** Runs `run` after `delay` virtual milliseconds; equal times keep the order of asking. */
  after(delay: number, label: string, run: () => void): Event
  cancel(event: Event): void
  /** Adds a line to the trace without an event. */
  note(label: string): void
  /** Runs events until `done` holds or virtual time reaches `until`; true when `done` ended it. */
  run(until: number, done?: () => boolean): Promise<boolean>
  /** SHA-256 over every event and note so far, hex. */
  traceHash(): string
  /** The latest lines of the trace. */
  latest(): readonly string[]
}

const KEPT_LINES = 400

/** `check` runs after every step, once nothing can go on without the next event. */
export function createSchedule(check: () => void): Schedule {
  const heap: Event[] = []
  const hash = createHash('sha256')
  const lines: string[] = []
  let time = 0
  let count = 0
  let steps = 0

  const isBefore = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order)
  const push = (event: Event): void => {
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]!
      if (!isBefore(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }
  const pop = (): Event | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }

  const note = (label: string): void => {
    const line = `${steps} ${time.toFixed(3)} ${label}`
    hash.update(line)
    lines.push(line)
    if (lines.length > 2 * KEPT_LINES) lines.splice(0, KEPT_LINES)
  }

  return {
    now: () => time,
    get steps() {
      return steps
    },
    after(delay, label, run) {
      const event: Event = { at: time + Math.max(0, delay), order: count++, label, run }
      push(event)
      return event
    },
    cancel(event) {
      event.run = null
    },
    note,
    async run(until, done) {
      for (;;) {
        if (done?.() === true) return true
        const next = heap[0]
        if (next === undefined || next.at > until) {
          time = Math.max(time, until)
          return false
        }
        pop()
        const { run } = next
        if (run === null) continue
        next.run = null
        time = next.at
        steps++
        note(next.label)
        run()
        await promisesSettled()
        check()
      }
    },
    traceHash: () => hash.copy().digest('hex'),
    latest: () => lines.slice(-KEPT_LINES),
  }
}

/** Node.js runs every microtask, and those they queue, before it goes on to an immediate. */
const promisesSettled = () => new Promise<void>((resolve) => setImmediate(resolve))
