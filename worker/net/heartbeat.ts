// Notices that the other side of a link fell silent: a killed peer shows on the link itself only after 5 to 15 seconds.

import type { Clock, Timer } from '#core/clock.ts'

/** How often each side says something, in milliseconds. */
export const PING_INTERVAL_MS = 750
const TICK_MS = 250
/** Silence after which a peer counts as stalled; with the tick, found within 2.5 s. */
export const STALL_AFTER_MS = 2250
/** The same for one that the server says has left: a killed tab's connection to the server ends at once. */
export const SUSPECT_STALL_AFTER_MS = 1250
/** Silence after which it is given up: a link healed by itself after 12 s, and by an ICE restart after 25 s. */
export const GIVE_UP_AFTER_MS = 30_000
/** A tick this much late means that we slept ourselves, and that the peer's words may lie unread. */
const LATE_TICK_MS = 500
/**
 * Unanswered pings after which no more are sent: those of the longest silence. A link may be silent for longer, when both sides
 * sleep now and then; what waits on it must not come as a flood when it heals.
 */
const MAX_PENDING_PINGS = GIVE_UP_AFTER_MS / PING_INTERVAL_MS
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
  /** The shortest: what the path takes when nothing queues on it. */
  readonly leastRoundTripMs: number | null
  /** When the latest ping that was answered was sent: all that was sent before it has arrived. */
  readonly answeredAt: number
  readonly stalled: boolean
  /** Anything came from the peer. */
  heard(): void
  /** Whether there is reason to doubt that it is there; then less silence will do. */
  suspect(isSuspect: boolean): void
  pong(ping: number): void
  stop(): void
}

export function createHeartbeat(clock: Clock, events: HeartbeatEvents): Heartbeat {
  let lastHeard = clock.now()
  let lastTick = lastHeard
  let nextPing = lastHeard
  let pings = 0
  let roundTripMs: number | null = null
  let leastRoundTripMs: number | null = null
  let answeredAt = Number.NEGATIVE_INFINITY
  let stalled = false
  let stallAfterMs = STALL_AFTER_MS
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
    if (now >= nextPing && pending.size < MAX_PENDING_PINGS) {
      nextPing = now + PING_INTERVAL_MS
      const ping = pings++ >>> 0
      pending.set(ping, now)
      events.sendPing(ping)
    }
    const silence = now - lastHeard
    if (silence >= GIVE_UP_AFTER_MS) events.onGiveUp()
    else if (silence >= stallAfterMs) setStalled(true)
  }
  timer = clock.setTimeout(tick, 0)

  return {
    get roundTripMs() {
      return roundTripMs
    },
    get leastRoundTripMs() {
      return leastRoundTripMs
    },
    get answeredAt() {
      return answeredAt
    },
    get stalled() {
      return stalled
    },
    heard() {
      lastHeard = clock.now()
      setStalled(false)
    },
    suspect(isSuspect) {
      stallAfterMs = isSuspect ? SUSPECT_STALL_AFTER_MS : STALL_AFTER_MS
    },
    pong(ping) {
      const sent = pending.get(ping)
      if (sent === undefined) return
      // Answers come in order: what was not answered before this one never will be.
      for (const earlier of pending.keys()) {
        if (earlier > ping) break
        pending.delete(earlier)
      }
      answeredAt = Math.max(answeredAt, sent)
      const sample = clock.now() - sent
      leastRoundTripMs = Math.min(leastRoundTripMs ?? sample, sample)
      roundTripMs = roundTripMs === null ? sample : roundTripMs + (sample - roundTripMs) * NEW_SAMPLE
    },
    stop() {
      stopped = true
      clock.clearTimeout(timer)
    },
  }
}
