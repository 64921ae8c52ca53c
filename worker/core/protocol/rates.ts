// How often a peer may send each class of message: a token bucket a class and sender, far above honest use.

import type { RateClass } from './message.ts'

export interface Rate {
  /** Messages a second in the long run. */
  readonly perSecond: number
  /** Messages at once after a silence. */
  readonly burst: number
}

export const RATES: Readonly<Record<RateClass, Rate>> = {
  handshake: { perSecond: 5, burst: 20 },
  // One every 0.75 s each way is honest; the burst covers what an interrupted link delivers at once when it heals.
  heartbeat: { perSecond: 10, burst: 100 },
  control: { perSecond: 100, burst: 500 },
  // A mesh of 15 neighbours that all speak of the same news.
  gossip: { perSecond: 200, burst: 1000 },
  // Tokens and progress.
  stream: { perSecond: 1000, burst: 4000 },
  // 64 KiB pieces at the 100 MB/s of loopback, and smaller ones at honest network speeds.
  bulk: { perSecond: 2000, burst: 8000 },
  // A toy model's decode steps reach a few thousand a second over loopback.
  tensor: { perSecond: 10_000, burst: 20_000 },
}

export interface TokenBucket {
  /** Takes one; false when none is left. */
  take(now: number): boolean
  /** Milliseconds until `take` would succeed. */
  wait(now: number): number
}

export function createTokenBucket(rate: Rate, now: number): TokenBucket {
  let tokens = rate.burst
  let last = now
  const refill = (time: number) => {
    tokens = Math.min(rate.burst, tokens + (Math.max(0, time - last) / 1000) * rate.perSecond)
    last = Math.max(last, time)
  }
  return {
    take(time) {
      refill(time)
      if (tokens < 1) return false
      tokens--
      return true
    },
    wait(time) {
      refill(time)
      return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / rate.perSecond) * 1000)
    },
  }
}

/** One bucket a class. */
export function createRateLimiter(
  now: number,
  rates: Readonly<Record<RateClass, Rate>> = RATES,
): (rate: RateClass, now: number) => boolean {
  const buckets = new Map<RateClass, TokenBucket>()
  return (rate, time) => {
    let bucket = buckets.get(rate)
    if (bucket === undefined) {
      bucket = createTokenBucket(rates[rate], now)
      buckets.set(rate, bucket)
    }
    return bucket.take(time)
  }
}
