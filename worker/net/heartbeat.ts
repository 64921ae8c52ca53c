// Notices that the other side of a link fell silent: a killed peer shows on the link itself only after 5 to 15 seconds.

import type { Clock, Timer } from '#core/clock.ts'

/** How often each side says something, in milliseconds. */
export const PING_INTERVAL_MS = 750
const TICK_MS = 250
/** Silence after which a peer counts as stalled; with the tick, found within 2.5 s. */
export const STALL_AFTER_MS = 2250
/** Silence after which it is given up: a link healed by itself after 12 s, and by an ICE restart after 25 s. */
export const GIVE_UP_AFTER_MS = 30_000
/** A tick this much late means that we slept ourselves, and that the peer's words may lie unread. */
const LATE_TICK_MS = 500
const MAX_PENDING_PINGS = 64
/** Weight of a new round trip in the running estimate (RFC 6298 §2). */
const NEW_SAMPLE = 1 / 8

export interface HeartbeatEvents {
  sendPing(ping: number): void
  onStalled(stalled: boolean): void
  onGiveUp(): void
}

export interface Heartbeat {
  /** Smoothed; null before the first PONG. */
  readonly roundTripMs: number | null
  readonly stalled: boolean
  /** Anything came from the peer. */
  heard(): void
  pong(ping: number): void
  stop(): void
}

export function createHeartbeat(clock: Clock, events: HeartbeatEvents): Heartbeat {
  let lastHeard = clock.now()
  let lastTick = lastHeard
  let nextPing = lastHeard
  let pings = 0
  let roundTripMs: number | null = null
  let stalled = false
  let stopped = false
  const pending = new Map<number, number>()
  let timer: Timer

  const setStalled = (value: boolean) => {
    if (stalled === value) return
    stalled = value
    events.onStalled(value)
  }
  const tick = () => {
    if (stopped) return
    const now = clock.now()
    if (now - lastTick > TICK_MS + LATE_TICK_MS) lastHeard = Math.max(lastHeard, now - PING_INTERVAL_MS)
    lastTick = now
    timer = clock.setTimeout(tick, TICK_MS)
    if (now >= nextPing) {
      nextPing = now + PING_INTERVAL_MS
      const ping = pings++ >>> 0
      pending.set(ping, now)
      if (pending.size > MAX_PENDING_PINGS) pending.delete(pending.keys().next().value as number)
      events.sendPing(ping)
    }
    const silence = now - lastHeard
    if (silence >= GIVE_UP_AFTER_MS) events.onGiveUp()
    else if (silence >= STALL_AFTER_MS) setStalled(true)
  }
  timer = clock.setTimeout(tick, 0)

  return {
    get roundTripMs() {
      return roundTripMs
    },
    get stalled() {
      return stalled
    },
    heard() {
      lastHeard = clock.now()
      setStalled(false)
    },
    pong(ping) {
      const sent = pending.get(ping)
      if (sent === undefined) return
      pending.delete(ping)
      const sample = clock.now() - sent
      roundTripMs = roundTripMs === null ? sample : roundTripMs + (sample - roundTripMs) * NEW_SAMPLE
    },
    stop() {
      stopped = true
      clock.clearTimeout(timer)
    },
  }
}
