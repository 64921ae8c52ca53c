// One simulated process (a tab's worker): what it waits for reaches it only while it lives and is awake. Its clock may run
// at another rate than the world's, and its date may be wrong.

import type { Clock } from '#core/clock.ts'
import type { Event, Schedule } from './schedule.ts'

export interface SimulatedProcess {
  readonly name: string
  readonly alive: boolean
  readonly clock: Clock
  wallTime(): number
  /** Runs `run` in this process after `delay` of the world's milliseconds: later if it is paused then, never if it is dead. */
  after(delay: number, label: string, run: () => void): Event
  /** Runs `run` in this process now: once it wakes if it is paused, never if it is dead. */
  enter(run: () => void): void
  /** The date jumps by so many milliseconds. */
  skewDate(milliseconds: number): void
  /** Milliseconds its clock counts in one of the world's. */
  rate: number
  pause(): void
  resume(): void
  readonly paused: boolean
  /** Nothing of it runs again. */
  kill(): void
  /** Returns what takes the listener out again. */
  onKill(listener: () => void): () => void
  /** Timers it has set and not cleared. */
  readonly timers: number
}

const EPOCH = 1_790_000_000_000

export function createProcess(name: string, schedule: Schedule): SimulatedProcess {
  const backlog: (() => void)[] = []
  const pending = new Set<Event>()
  const deaths = new Set<() => void>()
  let alive = true
  let paused = false
  let rate = 1
  // The process's own time, carried on whenever its rate changes.
  let own = 1000
  let since = schedule.now()
  let dateError = 0
  const ownTime = () => own + (schedule.now() - since) * rate

  const enter = (run: () => void): void => {
    if (!alive) return
    if (paused) backlog.push(run)
    else run()
  }
  const process: SimulatedProcess = {
    name,
    enter,
    get alive() {
      return alive
    },
    get paused() {
      return paused
    },
    get rate() {
      return rate
    },
    set rate(value) {
      own = ownTime()
      since = schedule.now()
      rate = value
    },
    get timers() {
      return pending.size
    },
    clock: {
      now: ownTime,
      setTimeout(callback, milliseconds) {
        let cancelled = false
        const event = schedule.after(Math.max(0, milliseconds) / rate, `${name} timer`, () => {
          enter(() => {
            pending.delete(event)
            if (!cancelled) callback()
          })
        })
        pending.add(event)
        const timer = { event, cancel: () => (cancelled = true) }
        return timer
      },
      clearTimeout(timer) {
        if (timer === undefined || timer === null || typeof timer === 'number') return
        const { event, cancel } = timer as { event: Event; cancel: () => void }
        cancel()
        pending.delete(event)
        schedule.cancel(event)
      },
    },
    wallTime: () => Math.floor(EPOCH + ownTime() + dateError),
    after: (delay, label, run) => schedule.after(delay, `${name} ${label}`, () => enter(run)),
    skewDate(milliseconds) {
      dateError += milliseconds
    },
    pause() {
      paused = true
    },
    resume() {
      if (!paused) return
      paused = false
      // What queued up meanwhile is one turn of the event loop each, as in a tab that wakes.
      for (const run of backlog.splice(0)) schedule.after(0, `${name} wakes`, () => enter(run))
    },
    kill() {
      if (!alive) return
      alive = false
      backlog.length = 0
      for (const event of pending) schedule.cancel(event)
      pending.clear()
      for (const death of [...deaths]) death()
    },
    onKill(listener) {
      deaths.add(listener)
      return () => void deaths.delete(listener)
    },
  }
  return process
}
